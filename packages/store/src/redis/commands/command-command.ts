/** COMMAND: the table of commands, told to clients that look keys or hints up in it. */
import { compileGlob } from '../glob.ts';
import type { ReplyWriter } from '../writer.ts';
import { acceptsArity, type Command, keyPlaces, keysOf, type LocalCommand, type Request } from './command.ts';
import { container } from './container.ts';
import { SYNTAX_ERROR } from './errors.ts';

/** `others` are all commands but this one. */
export function commandCommand(others: readonly Command[]): LocalCommand {
  const byName = new Map<string, Command>(others.map((command) => [command.name, command]));
  const self = container({
    name: 'command',
    arity: -1,
    flags: ['loading', 'stale'],
    group: 'server',
    since: '2.8.13',
    summary: 'Get array of Redis command details',
    help: [
      'COUNT',
      'DOCS [<command-name> ...]',
      'GETKEYS <full-command>',
      'INFO [<command-name> ...]',
      'LIST [FILTERBY (ACLCAT <category>|PATTERN <pattern>|MODULE <module>)]',
    ],
    bare: (_session, _request, out) => describeAll(out, [...byName.values()]),
    subcommands: {
      count: { arity: 2, run: (_session, _request, out) => out.integer(byName.size) },
      docs: { arity: -2, run: (_session, request, out) => documentAll(out, selected(request, byName)) },
      getkeys: { arity: -3, run: (_session, request, out) => tellKeys(out, request, byName) },
      info: { arity: -2, run: (_session, request, out) => describeAll(out, selected(request, byName)) },
      list: { arity: -2, run: (_session, request, out) => tellNames(out, request, [...byName.values()]) },
    },
  });
  byName.set(self.name, self);
  return self;
}

/** The commands named, undefined for an unknown one; all when none is named. */
function selected(request: Request, byName: ReadonlyMap<string, Command>): (Command | undefined)[] {
  if (request.argc === 2) return [...byName.values()];
  const found = [];
  for (let i = 2; i < request.argc; i++) found.push(byName.get(request.text(i).toLowerCase()));
  return found;
}

function describeAll(out: ReplyWriter, commands: readonly (Command | undefined)[]): void {
  out.array(commands.length);
  for (const command of commands) {
    if (command === undefined) out.null();
    else describe(out, command);
  }
}

/** Name, arity, flags, the places of keys, categories; and tips, key specifications and subcommands, which we leave empty. */
function describe(out: ReplyWriter, command: Command): void {
  out.array(10);
  out.bulkText(command.name);
  out.integer(command.arity);
  writeWords(out, command.flags);
  for (const place of keyPlaces(command)) out.integer(place);
  writeWords(out, categories(command));
  out.set(0);
  out.set(0);
  out.array(0);
}

function writeWords(out: ReplyWriter, words: readonly string[]): void {
  out.set(words.length);
  for (const word of words) out.simple(word);
}

function categories(command: Command): string[] {
  const has = (flag: string): boolean => command.flags.includes(flag);
  const group = command.group === 'generic' ? '@keyspace' : `@${command.group}`;
  return [
    ...(has('readonly') ? ['@read'] : []),
    ...(has('write') ? ['@write'] : []),
    ...(has('admin') ? ['@admin', '@dangerous'] : []),
    ...(command.group === 'server' ? [] : [group]),
    has('fast') ? '@fast' : '@slow',
  ];
}

function documentAll(out: ReplyWriter, commands: readonly (Command | undefined)[]): void {
  const known = commands.filter((command) => command !== undefined);
  out.map(known.length);
  for (const command of known) {
    out.bulkText(command.name);
    out.map(3);
    out.bulkText('summary');
    out.bulkText(command.summary);
    out.bulkText('since');
    out.bulkText(command.since);
    out.bulkText('group');
    out.bulkText(command.group);
  }
}

function tellKeys(out: ReplyWriter, request: Request, byName: ReadonlyMap<string, Command>): void {
  const inner = behind(request, 2);
  const command = byName.get(inner.text(0).toLowerCase());
  if (command === undefined) {
    out.error('ERR Invalid command specified');
  } else if (keyPlaces(command)[0] === 0) {
    out.error('ERR The command has no key arguments');
  } else if (!acceptsArity(command.arity, inner.argc)) {
    out.error('ERR Invalid number of arguments specified for command');
  } else {
    const keys = keysOf(command, inner);
    out.array(keys.length);
    for (const key of keys) out.bulkText(key);
  }
}

/** The request that begins at an argument of another. */
function behind(request: Request, first: number): Request {
  return {
    argc: request.argc - first,
    text: (index) => request.text(first + index),
    view: (index) => request.view(first + index),
    detached: () => behind(request.detached(), first),
  };
}

function tellNames(out: ReplyWriter, request: Request, commands: readonly Command[]): void {
  const wanted = readFilter(request);
  if (wanted === undefined) {
    out.error(SYNTAX_ERROR);
    return;
  }
  const names = commands.filter(wanted).map((command) => command.name);
  out.array(names.length);
  for (const name of names) out.bulkText(name);
}

function readFilter(request: Request): ((command: Command) => boolean) | undefined {
  if (request.argc === 2) return () => true;
  if (request.argc !== 5 || request.text(2).toUpperCase() !== 'FILTERBY') return undefined;
  const operand = request.text(4).toLowerCase();
  switch (request.text(3).toUpperCase()) {
    case 'ACLCAT':
      return (command) => categories(command).includes(`@${operand}`);
    case 'PATTERN': {
      const matches = compileGlob(operand);
      return (command) => matches(command.name);
    }
    case 'MODULE':
      return () => false;
    default:
      return undefined;
  }
}
