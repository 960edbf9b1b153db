/**
 * Each contender beside a plain Map, over random operations: a fast engine that forgets would win every table.
 */
const OPERATIONS = 150_000;
/** Enough for Maps to split and for leaves to be walked; few enough that keys are overwritten and removed. */
const KEYS = 30_000;
const ENTRY_BYTES = 132;

/** Throws when the engine and the Map disagree. */
export function holdToMap(name, engine, placeKey) {
  const twin = new Map();
  const entry = Buffer.alloc(ENTRY_BYTES);
  for (let i = 0; i < OPERATIONS; i++) {
    const at = placeKey(`key:${Math.floor(Math.random() * KEYS)}`);
    if (Math.random() < 0.2) {
      engine.remove(at);
      twin.delete(at.key);
    } else {
      for (let b = 0; b < ENTRY_BYTES; b++) entry[b] = (i + b) & 0xff;
      engine.set(at, entry);
      twin.set(at.key, entry.toString('hex'));
    }
  }
  for (let i = 0; i < KEYS; i++) {
    const at = placeKey(`key:${i}`);
    expect(name, `get ${at.key}`, hex(engine.get(at)), twin.get(at.key));
  }
  if (engine.walk === undefined) return;
  const walked = [];
  engine.walk((key, bytes) => walked.push(`${key} ${hex(bytes)}`));
  const places = [...twin.keys()].map(placeKey);
  places.sort((a, b) => a.hashHi - b.hashHi || a.hashLo - b.hashLo);
  const expected = places.map(({ key }) => `${key} ${twin.get(key)}`);
  expect(name, 'a walk', walked.join('\n'), expected.join('\n'));
}

function hex(bytes) {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}

function expect(name, what, actual, expected) {
  if (actual !== expected) throw new Error(`${name}: ${what} is not what a Map holds`);
}
