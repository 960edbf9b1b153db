/** The two ways to end badly; the messages are for people. */

/** It was understood and cannot be done: exit 1. Nothing was written, unless the message says otherwise. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  constructor(code: RefusalCode, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

export type RefusalCode = 'not_empty' | 'not_a_folder' | 'no_package' | 'not_written' | 'not_installed';

/** It was called wrongly: exit 2. */
export class WrongUsage extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WrongUsage';
  }
}
