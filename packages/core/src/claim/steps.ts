/** A computation in small steps: whoever runs it may do something else between two of them. */
export type Steps<T> = Generator<void, T>;

/** All of it at once. */
export function toTheEnd<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** What cannot be cut is a step of its own. */
export function* inOneStep<T>(compute: () => T): Steps<T> {
  yield;
  return compute();
}
