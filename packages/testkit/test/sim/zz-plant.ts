import { PLANTED } from './planted-bugs.ts';
import { runScenario } from './scenario.ts';
const only = process.argv[2]; const max = Number(process.argv[3] ?? 40); const stopAt = Number(process.argv[4] ?? 3);
for (const [name, {plant, shows}] of Object.entries(PLANTED)) {
  if (only && !name.includes(only)) continue;
  const hits: string[] = [];
  const t = performance.now();
  for (let seed = 1; seed <= max && hits.length < stopAt; seed++) {
    const r = runScenario({ seed, plant });
    const f = r.problems.find((p) => shows.test(p)); if (f) hits.push(`${seed}: ${f.slice(0,170)}`); else if (r.problems.length) console.log('   other', seed, r.problems[0]!.slice(0,150));
  }
  console.log(name, ((performance.now()-t)/1000).toFixed(1)+'s', '\n   ' + hits.join('\n   '));
}
