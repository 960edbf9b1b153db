/** The generator as somebody runs it, without the executable around it. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRkv, type Terminal } from './command.ts';
import { nameLike, nameProblem } from './project-name.ts';
import { filesOf, templates, type TemplateName } from './templates.ts';

let cwd: string;
beforeEach(() => (cwd = mkdtempSync(join(tmpdir(), 'create-rkv-'))));
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly ran: readonly string[];
}

interface World {
  readonly answers?: readonly string[];
  readonly env?: Record<string, string>;
  readonly exit?: number;
}

async function run(args: readonly string[], { answers, env = {}, exit = 0 }: World = {}): Promise<Run> {
  let [out, err] = ['', ''];
  const ran: string[] = [];
  const left = [...(answers ?? [])];
  const terminal: Terminal = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    env,
    cwd,
    ...(answers && { ask: () => Promise.resolve(left.shift()) }),
    run: (command, given, at) => {
      ran.push([command, ...given, 'in', at].join(' '));
      return Promise.resolve(exit);
    },
  };
  return { code: await createRkv(args, terminal, '1.2.3'), out, err, ran };
}

const at = (...path: string[]): string => join(cwd, ...path);
const read = (...path: string[]): string => readFileSync(at(...path), 'utf8');
const names = Object.keys(templates) as TemplateName[];

describe('a project', () => {
  it.each(names)('%s is written whole, under its name, and nothing is installed', async (template) => {
    const { code, out, err, ran } = await run(['my-app', '-t', template]);
    expect([code, err, ran]).toEqual([0, '', []]);
    const files = readdirSync(at('my-app'), { recursive: true, encoding: 'utf8' });
    expect(files).toEqual(
      expect.arrayContaining(['.gitignore', '.oxlintrc.json', 'tsconfig.json', 'README.md']),
    );
    for (const node of ['node1', 'node2', 'node3']) expect(files).toContain(join('config', `${node}.json`));
    expect(files.filter((file) => file.includes('_'))).toEqual([]);
    expect(JSON.parse(read('my-app', 'package.json'))).toMatchObject({ name: 'my-app', private: true });
    expect(read('my-app', 'README.md')).toMatch(/^# my-app\n/);
    expect(out).toContain('  cd my-app\n  npm install\n  npm test\n  npm start\n');
  });

  it('is the kv template unless another one is asked for', async () => {
    const { out } = await run(['a', '--json']);
    expect(JSON.parse(out)).toMatchObject({ name: 'a', template: 'kv', directory: at('a') });
    const { files } = JSON.parse(out) as { files: string[] };
    expect(files.toSorted()).toEqual(
      filesOf('kv', 'a')
        .map(({ path }) => path)
        .toSorted(),
    );
  });

  it('may be in this folder, in one below, or in a scope', async () => {
    const name = async (directory: string): Promise<unknown> =>
      (JSON.parse((await run([directory, '--json'])).out) as { name: string }).name;
    expect(await name('below/there')).toBe('there');
    expect(await name('@acme/thing')).toBe('@acme/thing');
    cwd = at('below', 'here');
    mkdirSync(cwd);
    expect(await name('.')).toBe('here');
    cwd = join(cwd, '..', '..');
  });

  it('names the package manager that has called', async () => {
    const { out } = await run(['a'], { env: { npm_config_user_agent: 'pnpm/9.0.0 npm/? node/v20' } });
    expect(out).toContain('  pnpm install\n');
    expect((await run(['b', '--pm', 'yarn'])).out).toContain('  yarn install\n');
    expect((await run(['c', '--pm', 'apt'])).code).toBe(2);
  });

  it('is installed, and started, when that is asked for', async () => {
    expect((await run(['a', '--install'])).ran).toEqual([`npm install in ${at('a')}`]);
    expect((await run(['b', '-i'])).ran).toEqual([`npm install in ${at('b')}`, `npm start in ${at('b')}`]);
    const { code, err } = await run(['c', '--install'], { exit: 7 });
    expect([code, err]).toEqual([1, 'create-rkv: the project is written, but npm install ended with 7\n']);
  });
});

describe('versions', () => {
  const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const json = (path: string): unknown => JSON.parse(readFileSync(root(path), 'utf8'));

  it.each(names)('of %s are exact: those of the packages here, and of the lock file', (template) => {
    const lock = json('package-lock.json') as { packages: Record<string, { version: string }> };
    const file = filesOf(template, 'x').find(({ path }) => path === 'package.json');
    const manifest = JSON.parse(file?.text ?? '') as Record<string, Record<string, string>>;
    const all = Object.entries({ ...manifest['dependencies'], ...manifest['devDependencies'] });
    expect(all.length).toBeGreaterThan(3);
    for (const [name, version] of all) {
      const own = name.startsWith('@rkv/') ? `packages/${name.slice(5)}` : undefined;
      const wanted =
        own === undefined
          ? lock.packages[`node_modules/${name}`]?.version
          : (json(`${own}/package.json`) as { version: string }).version;
      expect([name, version]).toEqual([name, wanted]);
    }
  });

  it("and the tutorial's ports are those of node1 to node3", () => {
    const files = filesOf('embedded', 'x');
    const ports = [1, 2, 3].map((node) => {
      const text = files.find(({ path }) => path === `config/node${node}.json`)?.text ?? '{}';
      const { redis, cluster, http } = JSON.parse(text) as Record<string, string>;
      return [redis, cluster, http].map((address) => Number(address?.split(':')[1]));
    });
    expect(ports).toEqual([
      [6379, 8099, 8098],
      [6479, 8199, 8198],
      [6579, 8299, 8298],
    ]);
  });
});

describe('a name', () => {
  it.each([
    ['My-App', 'has capital letters', 'my-app'],
    ['my app', 'has spaces', 'my-app'],
    ['_app', 'begins with "_"', 'app'],
    ['.app', 'begins with "."', 'app'],
    ['häuser', 'characters other than', 'h-user'],
    ['node_modules', 'keeps for itself', undefined],
    ['http', 'module of Node.js', undefined],
    ['x'.repeat(215), 'longer than 214', undefined],
    ['@acme/My', 'has capital letters', 'acme-my'],
  ])('%s is refused in plain words', async (name, problem, instead) => {
    const { code, err } = await run([name]);
    expect(code).toBe(2);
    expect(err).toContain(problem);
    if (instead !== undefined) expect(err).toContain(`How about ${instead}?`);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('of a package that the project depends on is refused', async () => {
    expect(await run(['fastify', '-t', 'embedded'])).toMatchObject({ code: 2 });
    expect(await run(['@rkv/core'])).toMatchObject({ code: 2 });
  });

  it('that is suggested is always a good one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const name = nameLike(text);
        expect(name === undefined || nameProblem(name) === undefined).toBe(true);
        if (name !== undefined) expect(name).toMatch(/^[a-z0-9][a-z0-9._-]*$/);
      }),
    );
  });
});

describe('what is there already', () => {
  beforeEach(() => {
    mkdirSync(at('a'));
    writeFileSync(at('a', 'mine.txt'), 'mine');
    writeFileSync(at('a', 'tsconfig.json'), 'mine too');
  });

  it('is never overwritten unasked', async () => {
    const { code, err } = await run(['a']);
    expect([code, err]).toEqual([1, expect.stringContaining('has files in it. --overwrite')]);
    expect(readdirSync(at('a'))).toEqual(['mine.txt', 'tsconfig.json']);
    expect(read('a', 'tsconfig.json')).toBe('mine too');
  });

  it.each(['--overwrite', '--force'])('stays, but for files of the same name, with %s', async (flag) => {
    expect((await run(['a', flag])).code).toBe(0);
    expect(read('a', 'mine.txt')).toBe('mine');
    expect(read('a', 'tsconfig.json')).toContain('compilerOptions');
  });

  it('is not written through when it is a link, and then nothing is written at all', async () => {
    mkdirSync(at('elsewhere'));
    symlinkSync(at('elsewhere'), at('a', 'src'));
    const { code, err } = await run(['a', '--overwrite']);
    expect([code, err]).toEqual([1, expect.stringContaining('is in the way')]);
    expect(readdirSync(at('elsewhere'))).toEqual([]);
    expect(readdirSync(at('a'))).toEqual(['mine.txt', 'src', 'tsconfig.json']);
  });

  it('is no obstacle when it is a repository without files', async () => {
    mkdirSync(at('b', '.git'), { recursive: true });
    expect((await run(['b'])).code).toBe(0);
  });

  it('must be a folder', async () => {
    const { code, err } = await run(['a/mine.txt']);
    expect([code, err]).toEqual([1, expect.stringContaining('is not a folder')]);
  });
});

describe('where nobody sits at the terminal', () => {
  it('nothing is asked: what is missing is wrong usage, and what to type is told', async () => {
    const { code, out, err } = await run([]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('npm create rkv my-app -- --template kv');
  });
});

describe('somebody at the terminal', () => {
  it('is asked for what was not said, again when it makes no sense', async () => {
    const { code, out, err } = await run(['--json'], { answers: ['My App', 'shop', '9', '2'] });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ name: 'shop', template: 'counter' });
    expect(err).toContain('How about my-app?');
    expect(err).toContain('There is no "9"');
  });

  it('is asked before anything is replaced', async () => {
    mkdirSync(at('a'));
    writeFileSync(at('a', 'tsconfig.json'), 'mine');
    expect((await run(['a', '-t', 'kv'], { answers: [''] })).code).toBe(1);
    expect(read('a', 'tsconfig.json')).toBe('mine');
    expect((await run(['a', '-t', 'kv'], { answers: ['y'] })).code).toBe(0);
  });

  it('may say that nothing is to be asked', async () => {
    expect((await run(['--no-interactive'], { answers: ['a', '1'] })).code).toBe(2);
  });

  it('may go away', async () => {
    expect((await run([], { answers: [] })).code).toBe(2);
  });
});

describe('the command', () => {
  it('tells how it is used, and its version', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const name of names) expect(out).toContain(`  ${name}`);
    expect((await run(['-v'])).out).toBe('1.2.3\n');
  });

  it.each([[['a', 'b']], [['--nonsense']], [['a', '-t', 'nonsense']], [['a', '--template']]])(
    'refuses %j as wrong usage',
    async (args) => {
      const { code, out, err } = await run(args);
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/^create-rkv: /);
      expect(readdirSync(cwd)).toEqual([]);
    },
  );
});

describe('packages from tarballs', () => {
  it('are named by their paths, and what lies below them too', async () => {
    for (const name of ['core', 'store', 'testkit']) writeFileSync(at(`rkv-${name}-0.1.0.tgz`), '');
    expect((await run(['a', '--packages', '.'])).code).toBe(0);
    expect(JSON.parse(read('a', 'package.json'))).toMatchObject({
      dependencies: { '@rkv/core': `file:${at('rkv-core-0.1.0.tgz')}` },
      devDependencies: { '@rkv/testkit': `file:${at('rkv-testkit-0.1.0.tgz')}` },
    });
    expect((await run(['b', '-t', 'embedded', '--packages', cwd])).code).toBe(0);
    expect(JSON.parse(read('b', 'package.json'))).toMatchObject({
      dependencies: { '@rkv/store': `file:${at('rkv-store-0.1.0.tgz')}` },
      overrides: { '@rkv/core': `file:${at('rkv-core-0.1.0.tgz')}` },
    });
  });

  it('must be there', async () => {
    const { code, err } = await run(['a', '--packages', '.']);
    expect([code, err]).toEqual([1, expect.stringContaining('rkv-core-0.1.0.tgz is not there')]);
    expect(readdirSync(cwd)).toEqual([]);
  });
});
