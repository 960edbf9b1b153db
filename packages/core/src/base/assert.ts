/** What must hold, in production too: a broken invariant crashes instead of spreading. */
export function assert(condition: boolean, whatMustHold: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${whatMustHold}`);
}

/** For the `default` of a switch over a closed union: the compiler lists what was forgotten. */
export function unreachable(value: never): never {
  throw new Error(`broken invariant: no case for ${JSON.stringify(value)}`);
}
