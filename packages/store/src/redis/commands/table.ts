/**
 * All commands this door knows, and the way from a request's first argument to one of them.
 *
 * The way makes no string: candidates of the right length are compared byte by byte. Setting bit 5 of a byte
 * turns exactly A-Z and a-z into a lower case letter, and names consist of those only.
 */
import * as connection from './connection.ts';
import * as changes from './changes.ts';
import { client } from './client.ts';
import type { Command } from './command.ts';
import { commandCommand } from './command-command.ts';
import { config } from './config.ts';
import * as expiry from './expiry.ts';
import { incrbyfloat } from './floats.ts';
import { functionCommand } from './function.ts';
import { info } from './info.ts';
import * as keySpace from './key-space.ts';
import * as keys from './keys.ts';
import * as rename from './rename.ts';
import * as strings from './strings.ts';

/** A request's first argument, byte by byte. */
export interface CommandName {
  size(index: number): number;
  byte(index: number, at: number): number;
}

const LOWER_CASE = 0x20;

export class CommandTable {
  /** Candidates by length of their names. */
  readonly #byLength: Command[][] = [];
  readonly all: readonly Command[];

  constructor(commands: readonly Command[]) {
    this.all = commands;
    for (const command of commands) (this.#byLength[command.name.length] ??= []).push(command);
  }

  find(request: CommandName): Command | undefined {
    const candidates = this.#byLength[request.size(0)];
    if (candidates === undefined) return undefined;
    for (const command of candidates) if (isNamed(request, command.name)) return command;
    return undefined;
  }
}

function isNamed(request: CommandName, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((request.byte(0, i) | LOWER_CASE) !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** Frequent ones first. */
const known: readonly Command[] = [
  ...[strings.get, strings.set, keys.del, strings.mget, strings.mset, keys.exists, keys.unlink],
  ...[strings.setex, strings.psetex, expiry.ttl, expiry.pttl, expiry.expiretime, expiry.pexpiretime],
  ...[changes.incr, changes.decr, changes.incrby, changes.decrby, changes.append, changes.setnx],
  ...[changes.getset, changes.getdel, changes.getex, changes.expire, changes.pexpire],
  ...[changes.expireat, changes.pexpireat, changes.persist, incrbyfloat],
  ...[strings.strlen, keys.type, connection.ping, connection.echo],
  ...[keySpace.scan, keySpace.keys, keySpace.dbsize, keySpace.flushall, keySpace.flushdb],
  ...[connection.hello, connection.auth, connection.select, connection.quit, connection.reset],
  ...[rename.rename, rename.renamenx, client, config, info, functionCommand],
];

export const commands: CommandTable = new CommandTable([...known, commandCommand(known)]);
