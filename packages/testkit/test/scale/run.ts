/**
 * `npm run sim:scale`: how a cluster grows, from 3 to 100 nodes and on rings of 64 to 1024. docs/limits.md shows the table.
 *
 *     npm run sim:scale                                 all rows; some minutes
 *     npm run sim:scale -- --nodes 3,10 --rings 64,256  some of them
 *     npm run sim:scale -- --preset lan                 heartbeats of another preset; `local` when left out
 *     npm run sim:scale -- --keys 10000 --seed 2        other keys, other chance
 *     npm run sim:scale -- --json                       a line of JSON for each row, with all that was counted
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { membershipPresets, type PresetName } from '@rkv/core';
import { measure, type ScaleRow } from './measure.ts';
import { describeRows } from './table.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3,10,30,100' },
    rings: { type: 'string', default: '64,256,1024' },
    preset: { type: 'string', default: 'local' },
    keys: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

if (!Object.hasOwn(membershipPresets, values.preset))
  throw new Error(
    `no preset is called ${values.preset}; there are ${Object.keys(membershipPresets).join(', ')}`,
  );
const fixed = {
  preset: values.preset as PresetName,
  keys: wholeNumber(values.keys),
  seed: wholeNumber(values.seed),
};

/** What is compiled in the first row is not to be on its account. */
const WARM_UP = { nodes: 5, ringSize: 64 };

const wanted = values.rings
  .split(',')
  .map(wholeNumber)
  .flatMap((ringSize) => values.nodes.split(',').map((nodes) => ({ nodes: wholeNumber(nodes), ringSize })));
const rows: ScaleRow[] = [];
for (const size of wanted) {
  const began = performance.now();
  const row = wanted.length === 1 ? measureHere(size) : measureElsewhere(size);
  rows.push(row);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (values.json) console.log(JSON.stringify(row));
  else console.error(`ring ${size.ringSize}, ${size.nodes} nodes: ${seconds} s`);
}
if (!values.json) console.log(describeRows(rows));

function measureHere(size: typeof WARM_UP): ScaleRow {
  measure({ ...WARM_UP, ...fixed });
  return measure({ ...size, ...fixed });
}

/** In a process of its own: what one row leaves behind would count in the next. */
function measureElsewhere({ nodes, ringSize }: typeof WARM_UP): ScaleRow {
  const sizes = ['--nodes', String(nodes), '--rings', String(ringSize)];
  const others = ['--preset', fixed.preset, '--keys', String(fixed.keys), '--seed', String(fixed.seed)];
  const command = [...process.execArgv, fileURLToPath(import.meta.url), ...sizes, ...others, '--json'];
  return JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' })) as ScaleRow;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${text} is no whole number`);
  return Number(text);
}
