/** Mass insertion as Redis users do it: commands as they stand on the wire, into `redis-cli --pipe`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import type { Pair } from './traffic.ts';

/** Undefined when there is no redis-cli. */
export function redisCliVersion(): string | undefined {
  const { status, stdout } = spawnSync('redis-cli', ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** Resolves with the number of replies; rejects with what redis-cli says when it is not content. */
export async function loadThroughRedisCli(port: number, pairs: readonly Pair[]): Promise<number> {
  const child = spawn('redis-cli', ['-p', String(port), '--pipe', '--pipe-timeout', '60'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    // When it ends early the pipe breaks; why is in what it says.
    const fed = pipeline(Readable.from(setCommands(pairs)), child.stdin).catch((error: unknown) =>
      String(error),
    );
    const [said, complained, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    const { errors, replies } = /errors: (?<errors>\d+), replies: (?<replies>\d+)/.exec(said)?.groups ?? {};
    if (code !== 0 || errors !== '0') {
      throw new Error(
        `redis-cli --pipe ended with ${String(code)}: ${said}${complained}${(await fed) ?? ''}`,
      );
    }
    return Number(replies);
  } finally {
    process.off('exit', kill);
    kill();
  }
}

const CHUNK = 1000;

function* setCommands(pairs: readonly Pair[]): Generator<string> {
  for (let at = 0; at < pairs.length; at += CHUNK) {
    yield pairs
      .slice(at, at + CHUNK)
      .map(({ key, value }) => `*3\r\n${bulk('SET')}${bulk(key)}${bulk(value)}`)
      .join('');
  }
}

function bulk(argument: string): string {
  return `$${Buffer.byteLength(argument)}\r\n${argument}\r\n`;
}
