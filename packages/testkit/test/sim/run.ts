import { parseArgs } from 'node:util';
import { runScenario } from './scenario.ts';
const { values } = parseArgs({ options: { seeds: { type: 'string', default: '300' }, from: { type: 'string', default: '1' }, seed: { type: 'string' } } });
const from = Number(values.seed ?? values.from), n = values.seed ? 1 : Number(values.seeds);
const t0 = performance.now(); let ms = 0;
for (let seed = from; seed < from + n; seed++) {
  const t = performance.now();
  const r = runScenario({ seed });
  ms += r.lastedMs;
  console.log(seed, r.machines, 'faults', r.faults.length, 'ack', r.acknowledged, 'fail', r.failed, 'reads', r.reads, 'commits', r.commits, 'ep', r.epochs, (r.lastedMs/1000).toFixed(1), 's', (performance.now()-t).toFixed(0), 'ms', r.problems.slice(0,3).join('\n   '));
  if (values.seed) { console.log(r.problems.join('\n')); console.log(r.description); }
}
const s=(performance.now()-t0)/1000; console.log(s.toFixed(1), 's', (n/s).toFixed(2), 'seeds/s', (ms/1000/s).toFixed(0), 'x');
