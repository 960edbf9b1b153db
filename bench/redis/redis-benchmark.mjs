/** Redis's own load generator, one test of it at a time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { KEYS, VALUE_BYTES } from './load.mjs';

/** `kind` GET or SET, random keys, `requests` of them. Resolves with requests per second and latencies in ms. */
export async function redisBenchmark(port, { kind, clients = 50, pipeline, requests }) {
  const args = ['-p', port, '-c', clients, '-P', pipeline, '-n', requests, '-r', KEYS, '-d', VALUE_BYTES];
  const child = spawn('redis-benchmark', [...args, '-t', kind.toLowerCase(), '--csv'].map(String), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  const [code] = await closed;
  const cells = output
    .split('\n')
    .find((line) => line.startsWith(`"${kind}"`))
    ?.split(',')
    .map((cell) => Number(cell.replaceAll('"', '')));
  if (code !== 0 || cells === undefined) throw new Error(`redis-benchmark failed (${code}): ${output}`);
  return { rps: cells[1], p50: cells[4], p99: cells[6], requests };
}
