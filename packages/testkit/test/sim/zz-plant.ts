import { PLANTED } from './planted-bugs.ts';
import { runScenario } from './scenario.ts';
const only = process.argv[2]; const max = Number(process.argv[3] ?? 40); const stopAt = Number(process.argv[4] ?? 3);
for (const [name, plant] of Object.entries(PLANTED)) {
  if (only && !name.includes(only)) continue;
  const hits: string[] = [];
  const t = performance.now();
  for (let seed = 1; seed <= max && hits.length < stopAt; seed++) {
    const r = runScenario({ seed, plant });
    if (r.problems.length) hits.push(`${seed}: ${r.problems[0]!.slice(0,170)}`);
  }
  console.log(name, ((performance.now()-t)/1000).toFixed(1)+'s', '\n   ' + hits.join('\n   '));
}
