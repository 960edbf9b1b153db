/**
 * What a command sees of the world around it: where it writes, and the environment. And the two ways to end badly.
 */
export interface Terminal {
  /** To stdout, as it is: no line end is added. */
  out(text: string | Uint8Array): void;
  /** To stderr, likewise. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Stdout is looked at by a person. */
  readonly isTty: boolean;
}

export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    isTty: process.stdout.isTTY === true,
  };
}

/** The request was understood and refused: exit 1. The code is for scripts, the message for people. */
export class Refusal extends Error {
  readonly code: string;
  /** What else the node told of it: `definite`, and what a quorum needed and got. */
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.facts = facts;
  }
}

/** The command was called wrongly: exit 2. */
export class WrongUsage extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WrongUsage';
  }
}
