/** The settings of a node: config/config.json is for all nodes, config/NAME.json has the last word. */
import { readFileSync } from 'node:fs';
import type { OpenOptions } from '@rkv/store';

/** Those of `open`, and where the app listens. `open` refuses an address that is none. */
export interface Settings extends Omit<OpenOptions, 'logger'> {
  readonly name: string;
  readonly web: string;
}

const KNOWN = [
  'name',
  'dataDir',
  'cluster',
  'http',
  'redis',
  'web',
  'ringSize',
  'n',
  'level',
  'storage',
  'durability',
];

/** Throws with a sentence when a file is missing, or a setting is missing or unknown. */
export function readSettings(name: string): Settings {
  const found = { ...readJson('config/config.json'), ...readJson(`config/${name}.json`) };
  for (const setting of Object.keys(found)) {
    if (!KNOWN.includes(setting)) throw new Error(`config: there is no setting "${setting}"`);
  }
  for (const setting of ['name', 'web']) {
    if (typeof found[setting] !== 'string') throw new Error(`config: "${setting}" must be a string`);
  }
  return found as unknown as Settings;
}

function readJson(file: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch (cause) {
    throw new Error(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
