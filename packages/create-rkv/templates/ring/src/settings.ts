/** The settings of a node: config/config.json is for all nodes, config/NAME.json has the last word. */
import { readFileSync } from 'node:fs';

export interface Settings {
  readonly name: string;
  /** Where identity, ring and plan of this node lie. */
  readonly dataDir: string;
  /** Where other nodes reach this one. Away from this machine only with a secret: see node.ts. */
  readonly cluster: string;
  /** The door for people and scripts; on this machine only, as it asks nobody who they are. */
  readonly http: string;
  /** Of a ring that is born here: partitions, a power of two from 8 to 1024, and copies of each key. */
  readonly ringSize: number;
  readonly n: number;
}

const KINDS: Record<keyof Settings, 'string' | 'number'> = {
  name: 'string',
  dataDir: 'string',
  cluster: 'string',
  http: 'string',
  ringSize: 'number',
  n: 'number',
};

/** Throws with a sentence when a file is missing, or a setting is missing, unknown or of the wrong kind. */
export function readSettings(name: string): Settings {
  const found = { ...readJson('config/config.json'), ...readJson(`config/${name}.json`) };
  for (const setting of Object.keys(found)) {
    if (!(setting in KINDS)) throw new Error(`config: there is no setting "${setting}"`);
  }
  for (const [setting, kind] of Object.entries(KINDS)) {
    if (typeof found[setting] !== kind) throw new Error(`config: "${setting}" must be a ${kind}`);
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
