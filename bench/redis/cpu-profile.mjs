/** What a CPU profile of Node.js says: which functions the time between two moments went to. */

/** The clock that V8 takes its timestamps from: monotonic, the same for all processes of a machine. */
export function nowUs() {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Time per function between two moments, most first; idling apart. */
export function selfTimes({ nodes, samples, timeDeltas, startTime }, fromUs, toUs) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map();
  let idleUs = 0;
  let busyUs = 0;
  let at = startTime;
  samples.forEach((id, i) => {
    at += timeDeltas[i];
    if (at < fromUs || at > toUs) return;
    // A sample stands for the time until the next one.
    const us = timeDeltas[i + 1] ?? 0;
    const { functionName, url, lineNumber } = byId.get(id).callFrame;
    if (functionName === '(idle)') {
      idleUs += us;
      return;
    }
    busyUs += us;
    const place = url === '' ? '' : `${shortened(url)}:${lineNumber + 1}`;
    const key = `${functionName} ${place}`;
    const row = times.get(key) ?? { name: functionName || '(anonymous)', place, us: 0 };
    row.us += us;
    times.set(key, row);
  });
  const rows = [...times.values()].toSorted((a, b) => b.us - a.us);
  return { rows, busyUs, idleUs };
}

function shortened(url) {
  return url.replace(/^.*\/packages\//, '').replace(/^.*\/node_modules\//, '');
}
