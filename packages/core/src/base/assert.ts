/** What `assert` throws: the code is wrong, and whoever catches errors of others lets it pass. */
export class BrokenInvariant extends Error {
  constructor(what: string) {
    super(`broken invariant: ${what}`);
    this.name = 'BrokenInvariant';
  }
}

/** What must hold, in production too: a broken invariant crashes instead of spreading. */
export function assert(condition: boolean, whatMustHold: string): asserts condition {
  if (!condition) throw new BrokenInvariant(whatMustHold);
}

/** For the `default` of a switch over a closed union: the compiler lists what was forgotten. */
export function unreachable(value: never): never {
  throw new BrokenInvariant(`no case for ${JSON.stringify(value)}`);
}
