/**
 * Where settings come from: a file, the environment, flags. Each reading says, for every value, where it stands.
 *
 * A file is YAML or JSON (which is YAML too), one flat map. Unknown names are problems, not noise: a misspelt
 * setting that is silently ignored shows itself at the worst time.
 */
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { kebabName, settingNamed, settingNames, type SettingName } from './settings.ts';

export interface Given {
  readonly setting: SettingName;
  readonly value: unknown;
  /** `rkv.yaml:3: ring-size`, `RKV_RING_SIZE` or `--ring-size`: how a sentence on this value begins. */
  readonly where: string;
}

export interface Reading {
  readonly given: readonly Given[];
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** Settings from the text of a file; `path` is for the sentences only. */
export function readFileText(path: string, fileText: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(fileText, { lineCounter: lines });
  const at = (offset: number): string => `${path}:${lines.linePos(offset).line}`;
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) {
    return { given: [], problems: broken.map((e) => `${at(e.pos[0])}: ${firstSentence(e.message)}`) };
  }
  if (document.contents === null) return { given: [], problems: [] };
  if (!isMap(document.contents)) {
    return { given: [], problems: [`${at(document.contents.range?.[0] ?? 0)}: must be a map of settings`] };
  }
  const reader = new NameReader();
  for (const { key, value } of document.contents.items) {
    const line = at(isScalar(key) ? (key.range?.[0] ?? 0) : 0);
    const name = isScalar(key) ? String(key.value) : String(key);
    const plain: unknown =
      value === null ? null : (value as { toJS(doc: typeof document): unknown }).toJS(document);
    reader.take(name, plain, `${line}: ${name}`);
  }
  return reader;
}

/** The yaml package goes on to draw the place; we name it ourselves. */
function firstSentence(message: string): string {
  return message.replace(/ at line \d+, column \d+:[^]*$/, '');
}

/** Variables of ours that are no settings of a node: which node a command talks to, and where the file is. */
const NOT_SETTINGS = new Set(['RKV_NODE', 'RKV_CONFIG']);

/**
 * Settings from `RKV_*`. An empty variable counts as not set: composed environments cannot leave one out.
 *
 * Kubernetes puts variables of its own beside ours when a service is called `rkv` or `rkv-something`
 * (RKV_SERVICE_HOST, RKV_PORT=tcp://...); they are nobody's typing mistake.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Reading {
  const reader = new NameReader();
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('RKV_') || NOT_SETTINGS.has(variable)) continue;
    if (value === undefined || value === '' || isServiceLink(variable, value)) continue;
    reader.take(variable.slice('RKV_'.length), value, variable);
  }
  return reader;
}

function isServiceLink(variable: string, value: string): boolean {
  if (/_SERVICE_(HOST|PORT)(_|$)/.test(variable)) return true;
  if (/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(variable)) return true;
  return variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value);
}

/** Settings from flags as the command line gathered them, by setting name. */
export function readFlags(flags: Readonly<Partial<Record<SettingName, string>>>): Reading {
  const given: Given[] = [];
  for (const setting of settingNames) {
    const value = flags[setting];
    if (value !== undefined) given.push({ setting, value, where: `--${kebabName(setting)}` });
  }
  return { given, problems: [] };
}

class NameReader implements Reading {
  readonly given: Given[] = [];
  readonly problems: string[] = [];

  take(name: string, value: unknown, where: string): void {
    const setting = settingNamed(name);
    if (setting === undefined) {
      this.problems.push(`${where}: no such setting; there are ${settingNames.map(kebabName).join(', ')}`);
    } else if (this.given.some((earlier) => earlier.setting === setting)) {
      this.problems.push(`${where}: given twice`);
    } else {
      this.given.push({ setting, value, where });
    }
  }
}
