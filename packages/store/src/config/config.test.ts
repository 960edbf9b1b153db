import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatAddress, isLoopback, isWildcard, parseAddress } from './address.ts';
import { type ConfigInput, loadConfig, type ServerConfig } from './load.ts';
import { kebabName, settingNamed, settingNames } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'rkv-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function accepted(input: Partial<ConfigInput>): ServerConfig {
  const outcome = loadConfig({ flags: {}, env: {}, ...input });
  if (outcome.kind === 'refused') throw new Error(outcome.problems.join('\n'));
  return outcome.config;
}

function refused(input: Partial<ConfigInput>): readonly string[] {
  const outcome = loadConfig({ flags: {}, env: {}, ...input });
  return outcome.kind === 'refused' ? outcome.problems : [];
}

describe('addresses', () => {
  it.each([
    ['127.0.0.1:8099', { host: '127.0.0.1', port: 8099 }],
    ['node-1.example:1', { host: 'node-1.example', port: 1 }],
    ['[::1]:8099', { host: '::1', port: 8099 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ])('%s is one', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(text);
  });

  it.each(['', '8099', ':8099', 'host', 'host:', 'host:x', 'host:65536', '::1:8099', '[host]:1', 'a b:1'])(
    '%s is none',
    (text) => expect(parseAddress(text)).toBeUndefined(),
  );

  it('tells loopback and wildcard from the text alone', () => {
    expect(['localhost', '127.0.0.1', '127.9.9.9', '::1'].every(isLoopback)).toBe(true);
    expect(['127.evil.example', 'node-1', '10.0.0.1', '0.0.0.0', '::'].some(isLoopback)).toBe(false);
    expect(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'].every(isWildcard)).toBe(true);
    expect(['::1', '10.0.0.0', 'host'].some(isWildcard)).toBe(false);
  });
});

describe('configuration', () => {
  it('has a default for everything that has one', () => {
    expect(accepted({})).toEqual({
      name: 'n1',
      dataDir: resolve('data/n1'),
      cluster: { host: '127.0.0.1', port: 8099 },
      redis: { host: '127.0.0.1', port: 6379 },
      http: { host: '127.0.0.1', port: 8098 },
      storage: 'lmdb',
      durability: 'process',
      ringSize: 64,
      n: 3,
      level: 'eventual',
      location: '',
      preset: 'local',
      secrets: [],
    });
  });

  it('takes flags over environment over file', () => {
    const path = file('order.yaml', 'name: from-file\nring-size: 16\nstorage: memory\n');
    const config = accepted({
      file: path,
      env: { RKV_NAME: 'from-env', RKV_RING_SIZE: '32', PATH: '/bin' },
      flags: { name: 'from-flag' },
    });
    expect(config).toMatchObject({
      name: 'from-flag',
      ringSize: 32,
      storage: 'memory',
      dataDir: resolve('data/from-flag'),
    });
  });

  it('reads JSON, tabs and all, and finds the file through RKV_CONFIG', () => {
    const path = file('node.json', '{\n\t"redis": "off",\n\t"dataDir": "elsewhere",\n\t"r": 1\n}\n');
    expect(accepted({ env: { RKV_CONFIG: path } })).toMatchObject({
      redis: 'off',
      dataDir: resolve('elsewhere'),
      r: 1,
    });
  });

  it('takes each setting of a ring at its birth', () => {
    const birth = { ringSize: 8, n: 5, level: 'strict' };
    const [ringSize, n] = [String(birth.ringSize), String(birth.n)];
    expect(accepted({ flags: { ringSize, n, level: 'strict' } })).toMatchObject(birth);
    expect(accepted({ env: { RKV_RING_SIZE: ringSize, RKV_N: n, RKV_LEVEL: 'strict' } })).toMatchObject(
      birth,
    );
    expect(accepted({ file: file('birth.json', JSON.stringify(birth)) })).toMatchObject(birth);
  });

  it('takes an empty file and an empty variable for nothing said', () => {
    expect(accepted({ file: file('empty.yaml', '# nothing\n'), env: { RKV_JOIN: '' } }).join).toBeUndefined();
  });

  it('leaves variables alone that are no settings of a node', () => {
    const env = {
      RKV_NODE: 'http://127.0.0.1:8198',
      RKV_SERVICE_HOST: '10.0.0.1',
      RKV_SERVICE_PORT_REDIS: '6379',
      RKV_PORT: 'tcp://10.0.0.1:6379',
      RKV_PORT_6379_TCP_ADDR: '10.0.0.1',
      RKV_REDIS_SERVICE_PORT: '6379',
    };
    expect(refused({ env })).toEqual([]);
    expect(refused({ env: { RKV_PORT: '6380' } })).toHaveLength(1);
  });

  it('reads the secrets, the first one first', () => {
    const secretFile = file('secrets', '\n new one \nold one\n');
    expect(accepted({ flags: { secretFile, cluster: 'node-1:8099' } }).secrets).toEqual([
      'new one',
      'old one',
    ]);
    expect(refused({ flags: { secretFile: file('no-secret', '\n \n') } })[0]).toMatch(
      /^--secret-file: .*holds no secret/,
    );
    expect(refused({ env: { RKV_SECRET_FILE: join(folder, 'missing') } })[0]).toMatch(
      /^RKV_SECRET_FILE: ENOENT/,
    );
  });

  it('knows each setting in all its spellings', () => {
    for (const setting of settingNames) {
      expect(settingNamed(setting)).toBe(setting);
      expect(settingNamed(kebabName(setting))).toBe(setting);
      expect(settingNamed(kebabName(setting).replaceAll('-', '_').toUpperCase())).toBe(setting);
    }
  });
});

describe('a bad value is refused with its place', () => {
  it.each([
    ['name', 'a,b', /must be up to 64 letters/],
    ['dataDir', '', /must not be empty/],
    ['cluster', '8099', /must be an address like .*not "8099"/],
    ['cluster', '0.0.0.0:8099', /must be one address/],
    ['cluster', '10.0.0.1:8099', /needs --secret-file/],
    ['cluster', 'node-1:8099', /needs --secret-file/],
    ['cluster', '[fe80::1]:8099', /needs --secret-file/],
    ['cluster', '[::ffff:10.0.0.1]:8099', /needs --secret-file/],
    ['cluster', '127.0.0.1.example.org:8099', /needs --secret-file/],
    ['cluster', '[::]:8099', /must be one address/],
    ['redis', 'yes', /must be an address like .*or off/],
    ['redis', '0.0.0.0:6379', /needs --secret-file/],
    ['http', '0.0.0.0:8098', /must be a loopback address/],
    ['http', '127.0.0.1:6379', /is taken by redis/],
    ['storage', 'disk', /must be memory or lmdb, not "disk"/],
    ['durability', 'none', /must be process or power/],
    ['ringSize', '12', /power of two from 8 to 1024, and 12 is not/],
    ['ringSize', 'many', /must be a number, not "many"/],
    ['n', '0', /must be a whole number from 1 to 8, not 0/],
    ['n', '1.5', /must be a whole number/],
    ['level', 'strong', /must be eventual or strict/],
    ['r', '-1', /must be a whole number/],
    ['preset', 'moon', /must be local, lan or wan, not "moon"/],
    ['location', 'a b', /must be up to 255 printable characters/],
    ['join', 'nowhere', /must be an address/],
  ] as const)('--%s %s', (setting, value, why) => {
    const problems = refused({ flags: { [setting]: value } });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(why);
    expect(problems[0]).toMatch(new RegExp(`^--${kebabName(setting)}: `));
  });

  it('names file and line', () => {
    const path = file('bad.yaml', '# a node\nname: n1\n\nring-sice: 16\nstorage: disk\nn: [3]\nname2: x\n');
    expect(refused({ file: path }).map((problem) => problem.split(' ').slice(0, 2).join(' '))).toEqual([
      `${path}:4: ring-sice:`,
      `${path}:7: name2:`,
      `${path}:5: storage:`,
      `${path}:6: n:`,
    ]);
  });

  it('names the line of what does not even parse, or stands there twice', () => {
    expect(refused({ file: file('torn.yaml', 'name: n1\nredis: "off\n') })[0]).toMatch(/torn\.yaml:[23]: /);
    expect(refused({ file: file('twice.yaml', 'n: 3\nn: 2\n') })[0]).toMatch(/twice\.yaml:2: /);
    expect(refused({ file: file('spelt.yaml', 'ring-size: 16\nringSize: 16\n') })[0]).toMatch(
      /spelt\.yaml:2: .*given twice/,
    );
    expect(refused({ file: file('list.yaml', '- name\n') })[0]).toMatch(/list\.yaml:1: must be a map/);
    expect(refused({ file: join(folder, 'none.yaml') })[0]).toMatch(/none\.yaml: ENOENT/);
  });

  it('names the variable, and a value that a flag overrides', () => {
    expect(refused({ env: { RKV_STORAGE: 'disk', RKV_COLOUR: 'red' }, flags: { storage: 'lmdb' } })).toEqual([
      expect.stringMatching(/^RKV_COLOUR: no such setting; there are name, data-dir/),
      expect.stringMatching(/^RKV_STORAGE: must be memory or lmdb/),
    ]);
  });

  it('compares r and w with n where n was said', () => {
    expect(refused({ flags: { n: '3', w: '4' } })).toEqual(['--w: must not be more than n, which is 3']);
    expect(accepted({ flags: { w: '4' } }).w).toBe(4);
  });
});
