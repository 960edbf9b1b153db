/** Many intruders who try the same. */

/** So many at a time, all in all `times` or for as long as it is wanted. */
export async function crowd(
  times: number,
  atOnce: number,
  one: (number: number) => Promise<void>,
  isWanted = (): boolean => true,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < times && isWanted()) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, worker));
}
