/**
 * `npm run words`: real input and real deaths. A word list of more than 100,000 lines is loaded through
 * `redis-cli --pipe` at one node of three; from then on, whatever is killed, every word is read back from every node
 * that lives, value by value.
 *
 *     each node in turn   kill -9; read all from both others; write all anew through them; restart; read all from all
 *     all three           write all anew; kill -9 at once; restart; read all from all
 *
 * Nothing is asked twice: a command that fails is wrong. The first phase with a wrong answer ends the run, exit 1.
 * Without redis-cli or a word list the run is skipped, exit 0; with CI=true that is a failure.
 */
import { readFileSync } from 'node:fs';
import { Nodes } from '../cluster/nodes.ts';
import { Play, Wrong } from './play.ts';
import { redisCliVersion } from './redis-cli.ts';

const WORD_LIST = process.env['WORDS'] ?? '/usr/share/dict/words';
const WORDS_MIN = 100_000;
/** Many times what it takes. */
const LIMIT_MS = 25 * 60_000;

const words = readWords();
const lacks = whatIsMissing();
if (lacks === undefined) await run();
else if (process.env['CI'] === 'true') fail(`words: cannot run: ${lacks}`);
else console.log(`skipped: ${lacks}`);

function readWords(): readonly string[] {
  try {
    return readFileSync(WORD_LIST, 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}

function whatIsMissing(): string | undefined {
  if (redisCliVersion() === undefined) return 'redis-cli is not there (Debian: redis-tools)';
  if (words.length === 0)
    return `${WORD_LIST} cannot be read (Debian: wamerican; or set WORDS to another list)`;
  if (words.length < WORDS_MIN) return `${WORD_LIST} has ${words.length} lines, and ${WORDS_MIN} are wanted`;
  return undefined;
}

async function run(): Promise<void> {
  // Leaving by the exit ends the nodes and removes their folder, however we come to it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));
  const limit = setTimeout(() => {
    fail(`words: not done after ${LIMIT_MS / 60_000} minutes`);
    process.exit();
  }, LIMIT_MS);
  console.log(`${words.length} lines of ${WORD_LIST}, ${redisCliVersion()}`);
  const nodes = new Nodes({ ringSize: 16, storage: 'lmdb', flags: ['--durability', 'process'] });
  try {
    await new Play(nodes, words).run();
  } catch (error) {
    const why = error instanceof Wrong ? error.message : `words: ${(error as Error).stack}`;
    fail(`${why}\n${nodes.describeLogs()}`);
  } finally {
    clearTimeout(limit);
    await nodes.end();
  }
}

function fail(why: string): void {
  process.exitCode = 1;
  console.error(why);
}
