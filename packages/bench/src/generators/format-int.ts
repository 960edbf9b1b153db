/**
 * `%d` and `%012d` in a text: the number in decimal, with zeros in front up to that width. `%%` is a percent sign.
 */
const PLACE = /%(?:(?<width>0\d{1,2})?d|%)/g;

export function formatInt(format: string, value: number): string {
  return format.replace(PLACE, (place, width: string | undefined) =>
    place === '%%' ? '%' : String(value).padStart(Number(width ?? 0), '0'),
  );
}
