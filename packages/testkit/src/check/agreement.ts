/**
 * Agreement: of one subject, everyone who reports at all reports the same.
 *
 * For what is decided once and for all: the ring document of an epoch, the owner of a partition in an epoch. It
 * throws within the event that breaks it, so the failure names seed, time and event.
 */
export class Agreement {
  readonly #what: string;
  readonly #first = new Map<string | number, { readonly value: string; readonly by: string }>();

  /** `what`: what is agreed on, for the message. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Subjects that somebody reported on. */
  get size(): number {
    return this.#first.size;
  }

  report(subject: string | number, value: string, by: string): void {
    const first = this.#first.get(subject);
    if (first === undefined) {
      this.#first.set(subject, { value, by });
    } else if (first.value !== value) {
      throw new Error(
        `no agreement on ${this.#what} ${subject}: ${first.by} has ${first.value}, ${by} has ${value}`,
      );
    }
  }
}
