/**
 * `npm run sim:scale`: how a cluster grows, from 3 to 100 nodes and on rings of 64 to 1024. docs/limits.md shows the table.
 *
 *     npm run sim:scale                                 all rows; some minutes
 *     npm run sim:scale -- --nodes 3,10 --rings 64,256  some of them
 *     npm run sim:scale -- --preset lan                 heartbeats of another preset; `local` when left out
 *     npm run sim:scale -- --keys 10000 --seed 2        other keys, other chance
 *     npm run sim:scale -- --json                       a line of JSON for each row, with all that was counted
 */
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

measure({ ...WARM_UP, ...fixed });
const rows: ScaleRow[] = [];
for (const ringSize of values.rings.split(',').map(wholeNumber))
  for (const nodes of values.nodes.split(',').map(wholeNumber)) {
    const began = performance.now();
    const row = measure({ nodes, ringSize, ...fixed });
    rows.push(row);
    if (values.json) console.log(JSON.stringify(row));
    else
      console.error(`ring ${ringSize}, ${nodes} nodes: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
if (!values.json) console.log(describeRows(rows));

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${text} is no whole number`);
  return Number(text);
}
