/**
 * From flags, environment and file to one validated configuration - or to all that is wrong, each with its place.
 *
 * Flags win over environment over file. A bad value is refused even where a better source overrides it: it would
 * bite on the day the flag goes. What values allow together (who may be reached from outside) is checked last.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { type Address, formatAddress, isLoopback, isWildcard } from './address.ts';
import { type Settings, type SettingName, settingsSchema } from './settings.ts';
import { type Given, readEnvironment, readFileText, readFlags, type Reading } from './sources.ts';

/** What a node is started with. Nothing in here is optional because it was forgotten: what is absent has no default. */
export interface ServerConfig extends Readonly<Omit<Settings, 'dataDir'>> {
  /** Absolute. */
  readonly dataDir: string;
  /** What nodes prove to each other: the first is used, all are accepted. Empty: none, and loopback only. */
  readonly secrets: readonly string[];
}

export type ConfigOutcome =
  | { readonly kind: 'config'; readonly config: ServerConfig }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

export interface ConfigInput {
  /** By setting name, as text. */
  readonly flags: Readonly<Partial<Record<SettingName, string>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The path of a YAML or JSON file; RKV_CONFIG when left out. */
  readonly file?: string | undefined;
}

export function loadConfig({ flags, env, file = env['RKV_CONFIG'] }: ConfigInput): ConfigOutcome {
  const readings = [file ? readFile(file) : nothing, readEnvironment(env), readFlags(flags)];
  const problems = readings.flatMap((reading) => [
    ...reading.problems,
    ...reading.given.flatMap(valueProblems),
  ]);
  if (problems.length > 0) return { kind: 'refused', problems };

  const winners = new Map<SettingName, Given>();
  for (const given of readings.flatMap((reading) => reading.given)) winners.set(given.setting, given);
  const raw = Object.fromEntries([...winners.values()].map(({ setting, value }) => [setting, value]));
  const settings = v.parse(settingsSchema, raw);

  const whereOf = (setting: SettingName): string => winners.get(setting)?.where ?? setting;
  const secrets = readSecrets(settings.secretFile, whereOf);
  const refused = [
    ...secrets.problems,
    ...exposureProblems(settings, whereOf),
    ...clashProblems(settings, whereOf),
  ];
  if (refused.length > 0) return { kind: 'refused', problems: refused };
  const dataDir = resolve(settings.dataDir ?? `data/${settings.name}`);
  return { kind: 'config', config: { ...settings, dataDir, secrets: secrets.secrets } };
}

const nothing: Reading = { given: [], problems: [] };

function readFile(path: string): Reading {
  try {
    return readFileText(path, readFileSync(path, 'utf8'));
  } catch (error) {
    return { given: [], problems: [`${path}: ${(error as Error).message}`] };
  }
}

function valueProblems({ setting, value, where }: Given): string[] {
  const { issues } = v.safeParse(settingsSchema.entries[setting], value);
  return issues === undefined ? [] : [`${where}: ${issues[0].message}`];
}

type WhereOf = (setting: SettingName) => string;

function readSecrets(path: string | undefined, whereOf: WhereOf): { secrets: string[]; problems: string[] } {
  if (path === undefined) return { secrets: [], problems: [] };
  const refuse = (why: string) => ({ secrets: [], problems: [`${whereOf('secretFile')}: ${why}`] });
  try {
    const lines = readFileSync(path, 'utf8').split(/\r?\n/);
    const secrets = lines.map((line) => line.trim()).filter((line) => line !== '');
    return secrets.length > 0 ? { secrets, problems: [] } : refuse(`${path} holds no secret`);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** Who may knock: beyond loopback, nodes and clients need something to prove themselves with. */
function exposureProblems(settings: Settings, whereOf: WhereOf): string[] {
  const problems: string[] = [];
  const { cluster, redis, http, secretFile } = settings;
  if (isWildcard(cluster.host)) {
    problems.push(
      `${whereOf('cluster')}: others are told to reach this node here, so it must be one address and not ${cluster.host}`,
    );
  } else if (secretFile === undefined && !isLoopback(cluster.host)) {
    problems.push(
      `${whereOf('cluster')}: ${cluster.host} is reached from outside, which needs --secret-file`,
    );
  }
  if (redis !== 'off' && secretFile === undefined && !isLoopback(redis.host)) {
    problems.push(`${whereOf('redis')}: ${redis.host} is reached from outside, which needs --secret-file`);
  }
  if (http !== 'off' && !isLoopback(http.host)) {
    problems.push(
      `${whereOf('http')}: operators cannot prove who they are yet in this version, so it must be a loopback address and not ${http.host}`,
    );
  }
  return problems;
}

function clashProblems(settings: Settings, whereOf: WhereOf): string[] {
  const problems: string[] = [];
  const taken = new Map<string, SettingName>();
  for (const door of ['cluster', 'redis', 'http'] as const) {
    const address: Address | 'off' = settings[door];
    if (address === 'off' || address.port === 0) continue;
    const other = taken.get(formatAddress(address));
    if (other !== undefined)
      problems.push(`${whereOf(door)}: ${formatAddress(address)} is taken by ${other}`);
    taken.set(formatAddress(address), door);
  }
  for (const quorum of ['r', 'w'] as const) {
    const asked = settings[quorum];
    // Against an n that was left out nothing can be said: the ring may have been born with another.
    if (asked !== undefined && whereOf('n') !== 'n' && asked > settings.n) {
      problems.push(`${whereOf(quorum)}: must not be more than n, which is ${settings.n}`);
    }
  }
  return problems;
}
