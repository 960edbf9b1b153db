/**
 * What the compiler does not hold: the floors between rooms, hidden time and chance, and loose ends.
 *
 * A rule looks at one source file and complains with a hint. The same rules are first run over small bad sources,
 * since a ban that cannot fail proves nothing.
 *
 * Not here: cycles, unused words and promises that nobody waits for, which are lint's (that lint sees the latter is
 * tested at the end). Tests may import from any room.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { floatingPromises } from '../scripts/check-types.ts';

/** From the lowest. A file imports from its own room or from a lower floor; `testing` stands outside. */
const FLOORS: Record<string, readonly (readonly string[])[]> = {
  core: [
    ['base', 'contracts'],
    ['ring', 'claim'],
    ['membership', 'request', 'handoff', 'exchange', 'reaping'],
    ['vnode', 'keyed'],
    ['node', 'net', 'host'],
  ],
  store: [['entry', 'config'], ['kv', 'storage'], ['redis', 'admin'], ['server'], ['cli']],
  testkit: [
    ['world', 'history'],
    ['life', 'check'],
    ['network', 'disk'],
    ['faults', 'command'],
    ['cluster'],
    ['simulation', 'processes'],
  ],
  bench: [
    ['contracts'],
    ['generators'],
    ['results'],
    ['drivers', 'load', 'report'],
    ['definition'],
    ['run'],
    ['cli'],
  ],
};

/** Imports between two rooms of one floor, each with its reason. One that is no longer there fails the test. */
const SIDEWAYS: Record<string, string> = {
  'core/base/bytes.ts -> core/contracts/vnode.ts':
    'Reader and Writer are the ByteReader and ByteWriter of a module; types only',
  'core/handoff/handoff-manager.ts -> core/request/message.ts':
    'transfers are frames too: one header and one registry of messages for all lanes',
  'core/handoff/running-transfer.ts -> core/request/message.ts': 'likewise',
  'core/handoff/receiver.ts -> core/request/message.ts': 'likewise',
};

/** The packages that each package may import. */
const STANDS_ON: Record<string, readonly string[]> = {
  core: [],
  store: ['@rkv/core'],
  testkit: ['@rkv/core'],
  // The store only where it is installed, for the driver that opens a node.
  bench: ['@rkv/core', '@rkv/store'],
};

/** Those that may use packages from outside: a well-kept library beats code of our own where neither is what we are for. */
const USE_LIBRARIES = ['store', 'bench'];

/** In the pure rooms all is told by callbacks, but for what programs use: the API of the tutorial, and that of a keyed service. */
const PROMISES_ALLOWED = ['packages/store/src/kv/service.ts', 'packages/core/src/keyed/client.ts'];

const LINES_MAX = 600;

type Ban = readonly [word: RegExp, hint: string];

const WORLD: readonly Ban[] = [
  [/\bDate\.now\b|\bnew Date\b|\bperformance\./, 'take the time from `Host`'],
  [/\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b/, 'take chance from `Host`'],
  [/\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/, 'set a timer with `Host`'],
  [/\bprocess\./, 'what it tells comes in by name, from host/ or the command line'],
  [/\bBuffer\b/, 'bytes are a Uint8Array; base/bytes.ts reads and writes them'],
  [/'node:/, 'nothing of Node.js in a pure room; a contract names what it needs'],
];
const PROMISE: readonly Ban[] = [
  [/(?<!#)\b(async|await|Promise)\b/, 'effects as data, or a callback; promises belong at the public API'],
];
const LOOSE_ENDS: readonly Ban[] = [
  [/\b(TODO|FIXME|XXX)\b/, 'do it, or write an issue'],
  [/\/(work|root|home|Users)\/[\w.-]/, 'a path of one machine; start from import.meta.url or tmpdir()'],
  [/\b(it|test|describe)(\.\w+)*\.only\b/, 'the other tests would be passed over'],
  [/\b(it|test|describe)(\.\w+)*\.(skip|todo)\(|\.skip\(\s*\)/, 'say why: skipIf(condition), skip(reason)'],
];

interface Source {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

function complaintsAbout({ path, text }: Source): string[] {
  const code = withoutComments(text);
  const found = [...nameAndLength(path, text), ...words(path, text, LOOSE_ENDS)];
  if (!isShipped(path)) return found;
  found.push(...imports(path, code));
  if (isPure(path)) found.push(...words(path, code, WORLD));
  if (isPure(path) && !PROMISES_ALLOWED.includes(path)) found.push(...words(path, code, PROMISE));
  return found;
}

function nameAndLength(path: string, text: string): string[] {
  const found: string[] = [];
  const lines = text.trimEnd().split('\n').length;
  if (/^(utils?|helpers?|common|misc)\b/.test(posix.basename(path)))
    found.push(`${path}: no noun -> name the file by what it is about`);
  if (lines > LINES_MAX)
    found.push(`${path}: ${lines} lines -> at most ${LINES_MAX}; which noun wants a file of its own?`);
  return found;
}

function words(path: string, text: string, bans: readonly Ban[]): string[] {
  return text.split('\n').flatMap((line, at) =>
    bans.flatMap(([word, hint]) => {
      const match = word.exec(line);
      return match === null ? [] : [`${path}:${at + 1}: ${match[0]} -> ${hint}`];
    }),
  );
}

function imports(path: string, code: string): string[] {
  return specifiers(code).flatMap((specifier) => {
    const why = specifier.startsWith('.') ? roomProblem(path, specifier) : packageProblem(path, specifier);
    return why === undefined ? [] : [`${path}: imports ${specifier} -> ${why}`];
  });
}

function packageProblem(path: string, specifier: string): string | undefined {
  const { house } = placeOf(path);
  if (specifier.startsWith('@rkv/')) {
    return STANDS_ON[house]?.includes(specifier) ? undefined : `${house} does not stand on it`;
  }
  if (USE_LIBRARIES.includes(house) || specifier.startsWith('node:')) return undefined;
  return `${house} depends on nothing from outside`;
}

function roomProblem(path: string, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(path), specifier);
  const [from, to] = [placeOf(path), placeOf(target)];
  if (from.house !== to.house) return 'a package is imported by its name';
  if (from.room === '') return undefined; // the package's index.ts shows what it likes
  if (from.room === to.room) {
    const own = `packages/${to.house}/src/${to.room}/index.ts`;
    return target === own ? "the own room's index.ts is for others; import the file" : undefined;
  }
  if (from.room === 'testing') return undefined;
  return floorProblem(from, to) === 'sideways' && edge(path, target) in SIDEWAYS
    ? undefined
    : floorProblem(from, to);
}

function floorProblem(from: Place, to: Place): string | undefined {
  const [floor, other] = [floorOf(from), floorOf(to)];
  if (floor < 0) return `${from.room} has no floor yet; give it one in this test and in decision 0001`;
  if (other < 0) return `${to.room === '' ? "the package's index.ts" : to.room} is above all floors`;
  if (other > floor) return `up, from floor ${floor} to ${other}`;
  return other === floor ? 'sideways' : undefined;
}

interface Place {
  readonly house: string;
  /** Empty for a file beside the rooms. */
  readonly room: string;
}

function placeOf(path: string): Place {
  const match = /^packages\/([\w-]+)\/src\/(?:([\w-]+)\/)?/.exec(path);
  return { house: match?.[1] ?? '', room: match?.[2] ?? '' };
}

function floorOf({ house, room }: Place): number {
  return FLOORS[house]?.findIndex((rooms) => rooms.includes(room)) ?? -1;
}

function edge(path: string, target: string): string {
  return [path, target].map((end) => end.replace(/^packages\/([\w-]+)\/src\//, '$1/')).join(' -> ');
}

function isShipped(path: string): boolean {
  return placeOf(path).house !== '' && !path.endsWith('.test.ts');
}

/** Whether the compiler sees it without Node.js and the DOM. */
function isPure(path: string): boolean {
  return PURE.some((room) => path.startsWith(`${room}/`));
}

function specifiers(code: string): string[] {
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);
}

/** Blanks instead of comments; the lines keep their numbers. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|(?<!:)\/\/.*/g, (comment) => comment.replace(/[^\n]/g, ' '));
}

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

function readSources(): Source[] {
  return ['packages', 'test', 'scripts', 'bench', 'examples']
    .filter((top) => existsSync(root(top)))
    .flatMap((top) =>
      readdirSync(root(top), { recursive: true, encoding: 'utf8' }).map((file) => `${top}/${file}`),
    )
    .filter((path) => /\.(ts|js|mjs)$/.test(path) && !/\/(node_modules|dist|data)\//.test(path))
    .filter((path) => path !== 'test/tidy.test.ts') // it is full of bad examples
    .map((path) => ({ path, text: readFileSync(root(path), 'utf8') }));
}

function pureConfig(house: string): { include: string[]; compilerOptions: { types: string[] } } {
  return JSON.parse(readFileSync(root(`packages/${house}/tsconfig.pure.json`), 'utf8')) as ReturnType<
    typeof pureConfig
  >;
}

const PURE = ['core', 'store'].flatMap((house) =>
  pureConfig(house).include.map((room) => `packages/${house}/${room}`),
);

describe('the house is tidy', () => {
  const sources = readSources();

  it('in every source file', () => {
    expect(sources.length).toBeGreaterThan(200);
    expect(sources.flatMap(complaintsAbout)).toEqual([]);
  });

  it('and has no exception that nobody needs', () => {
    const edges = sources.flatMap(({ path, text }) =>
      specifiers(text).map((specifier) => edge(path, posix.join(posix.dirname(path), specifier))),
    );
    expect(edges).toEqual(expect.arrayContaining(Object.keys(SIDEWAYS)));
    const promising = sources.filter(
      ({ path, text }) => words(path, withoutComments(text), PROMISE).length > 0,
    );
    expect(promising.map(({ path }) => path)).toEqual(expect.arrayContaining(PROMISES_ALLOWED));
  });

  it('and the compiler keeps the world out of floors 0 to 3, of entry and of kv', () => {
    const core = (FLOORS['core'] ?? []).slice(0, 4).flat();
    const rooms = [
      ...core.map((room) => `packages/core/src/${room}`),
      'packages/store/src/entry',
      'packages/store/src/kv',
    ];
    const inhabited = rooms.filter((room) => sources.some(({ path }) => path.startsWith(`${room}/`)));
    expect(inhabited.length).toBeGreaterThan(8);
    expect(PURE).toEqual(expect.arrayContaining(inhabited));
    for (const house of ['core', 'store']) expect(pureConfig(house).compilerOptions.types).toEqual([]);
  });
});

describe('each ban can fail', () => {
  const ring = 'packages/core/src/ring/new.ts';
  const kv = 'packages/store/src/kv/new.ts';
  const cli = 'packages/store/src/cli/new.ts';
  const test = 'packages/core/src/ring/new.test.ts';

  it.each([
    [ring, "import { x } from '../vnode/x.ts';", 'up, from floor 1 to 3'],
    [ring, "import type { x } from '../claim/x.ts';", 'sideways'],
    ['packages/store/src/redis/new.ts', "export * from '../admin/api.ts';", 'sideways'],
    [kv, "const x = import('../cli/main.ts');", 'up, from floor 1 to 4'],
    ['packages/testkit/src/world/new.ts', "import '../disk/disk.ts';", 'up, from floor 0 to 2'],
    [ring, "import { x } from './index.ts';", "the own room's index.ts is for others"],
    [ring, "import { x } from '../index.ts';", "the package's index.ts is above all floors"],
    [ring, "import { x } from '../testing/index.ts';", 'testing is above all floors'],
    ['packages/core/src/attic/x.ts', "import { x } from '../base/x.ts';", 'attic has no floor yet'],
    [cli, "import { x } from '../../../core/src/ring/x.ts';", 'a package is imported by its name'],
    [ring, "import { x } from '@rkv/store';", 'core does not stand on it'],
    [ring, "import { x } from 'valibot';", 'core depends on nothing from outside'],
    [ring, "import { x } from 'node:fs';", "1: 'node: -> nothing of Node.js in a pure room"],
    [ring, '\nconst now = Date.now();', '2: Date.now -> take the time from `Host`'],
    [ring, 'const now = new Date();', '1: new Date -> take the time from `Host`'],
    [ring, 'performance.now();', '1: performance. -> take the time from `Host`'],
    [ring, 'Math.random();', '1: Math.random -> take chance from `Host`'],
    [ring, 'setTimeout(f, 10);', '1: setTimeout -> set a timer with `Host`'],
    [ring, 'setInterval(f, 10);', '1: setInterval -> set a timer with `Host`'],
    [ring, 'setImmediate(f);', '1: setImmediate -> set a timer with `Host`'],
    [ring, 'process.pid;', '1: process. -> what it tells comes in by name'],
    ['packages/store/src/entry/new.ts', 'Buffer.alloc(1);', '1: Buffer -> bytes are a Uint8Array'],
    [ring, 'async function f() {}', '1: async -> effects as data'],
    [kv, 'function f(): Promise<void> {}', '1: Promise -> effects as data'],
    [cli, '// TODO: later', '1: TODO -> do it'],
    [cli, '/* FIXME */', '1: FIXME -> do it'],
    [cli, "// XXX what's this?", '1: XXX -> do it'],
    ['packages/store/src/cli/util.ts', '', 'name the file by what it is about'],
    ['test/cluster/test-helpers/helpers.ts', '', 'name the file by what it is about'],
    [cli, 'x;\n'.repeat(601), '601 lines -> at most 600'],
    [test, "it.only('x', f);", '1: it.only -> the other tests would be passed over'],
    [test, "describe.concurrent.only('x', f);", 'the other tests would be passed over'],
    [test, "describe.skip('x', f);", 'say why'],
    [test, "it.todo('x');", 'say why'],
    [test, 'context.skip();', 'say why'],
    ['test/words/new.ts', "readFileSync('/home/me/words');", '1: /home/m -> a path of one machine'],
  ])('in %s', (path, text, complaint) => {
    expect(complaintsAbout({ path, text }).join('\n')).toContain(complaint);
  });

  it.each([
    [ring, "import type { x } from '../base/x.ts';\nimport { y } from './y.ts';"],
    [ring, '// no Date.now here, nor a Promise\n/**\n * Buffer, setTimeout\n */\nthis.#await(f);'],
    [cli, "import { x } from '@rkv/core';\nimport { y } from 'commander';\nconst now = Date.now();"],
    [cli, 'x;\n'.repeat(600)],
    [test, "import { x } from '../node/x.ts';\nawait x(Date.now());"],
    [test, "it.skipIf(!has('redis-cli'))('x', f);\ncontext.skip('no redis-cli');"],
    ['packages/core/src/testing/new.ts', "import { x } from '../contracts/x.ts';"],
    ['packages/core/src/base/bytes.ts', "import type { x } from '../contracts/vnode.ts';"],
  ])('and it says nothing to what is right, in %s', (path, text) => {
    expect(complaintsAbout({ path, text })).toEqual([]);
  });
});

describe('a promise that nobody waits for', () => {
  const given =
    'declare function f(): Promise<number>; let kept = f(); const list = [1]; declare const maybe: typeof kept | undefined;';

  it.each([
    'f();',
    'maybe;',
    'maybe && f();',
    'list.length > 0 ? f() : undefined;',
    'list.map(f);',
    'f().then(() => 1);',
    'f().finally(() => 1);',
    'list.forEach(() => { f(); });',
  ])('is seen in %s', (statement) => {
    expect(floatingIn(`${given}\n${statement}`)).toHaveLength(1);
  });

  it.each([
    'await f();',
    'void f();',
    'kept = f();',
    'list.push(1);',
    'f().catch(() => 1);',
    'f().then(() => 1, () => 2);',
    'f().catch(() => 1).finally(() => 2);',
    'export const g = () => f();',
  ])('is not seen in %s', (statement) => {
    expect(floatingIn(`${given}\n${statement}`)).toEqual([]);
  });

  const options: ts.CompilerOptions = { strict: true, target: ts.ScriptTarget.ES2023, types: [] };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile;
  const library = new Map<string, ts.SourceFile | undefined>(); // parsed once

  function floatingIn(text: string): string[] {
    host.getSourceFile = (name, version) => {
      if (name === 'given.ts') return ts.createSourceFile(name, text, version, true);
      if (!library.has(name)) library.set(name, read(name, version));
      return library.get(name);
    };
    return floatingPromises(ts.createProgram(['given.ts'], options, host), (file) => file === 'given.ts');
  }
});
