/**
 * One call of one command: its flags, the node it talks to, and how it answers - for people or, with `--json`, for scripts.
 */
import type { Command } from 'commander';
import { AdminClient } from './admin-client.ts';
import type { Terminal } from './terminal.ts';

export const DEFAULT_NODE = 'http://127.0.0.1:8098';

interface GlobalFlags {
  readonly node?: string;
  readonly json?: boolean;
}

export class Invocation<Flags extends object = object> {
  readonly flags: Flags & GlobalFlags;
  readonly terminal: Terminal;

  constructor(command: Command, terminal: Terminal) {
    this.flags = command.optsWithGlobals();
    this.terminal = terminal;
  }

  /** `--node`, or RKV_NODE, or the first node of `rkv dev`. */
  client(): AdminClient {
    return new AdminClient(this.flags.node ?? (this.terminal.env['RKV_NODE'] || DEFAULT_NODE));
  }

  /** One line of JSON with `--json`, else the text. */
  tell(view: unknown, describe: () => string): void {
    this.terminal.out(`${this.flags.json === true ? JSON.stringify(view) : describe()}\n`);
  }
}
