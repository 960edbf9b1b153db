/**
 * The entry of a thread: it settles the same file again and does its part of the workers.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { loadBench, settle } from '../definition/settle.ts';
import { Crew } from '../load/crew.ts';
import { SystemClock } from '../load/system-clock.ts';
import { type Batch, BatchSink } from './batch.ts';
import type { FromThread, ThreadData, ToThread } from './hands.ts';

/** How old a sample may be when the main thread hears of it. */
const FLUSH_EVERY_MS = 200;

async function main(): Promise<void> {
  const { file, overrides, firstId, size } = workerData as ThreadData;
  const tell = (message: FromThread): void => parentPort?.postMessage(message);
  const send = (batch: Batch): void =>
    parentPort?.postMessage({ kind: 'samples', batch }, [batch.rows.buffer]);
  const { load } = settle(await loadBench(file), overrides);
  const sink = new BatchSink(send);
  const onFatal = (reason: string): void => tell({ kind: 'fatal', reason });
  const crew = new Crew({ load, firstId, size, clock: new SystemClock(), sink, onFatal });
  const flushing = setInterval(() => sink.flush(), FLUSH_EVERY_MS);

  parentPort?.on('message', (message: ToThread) => {
    if (message.kind === 'stop') crew.stop();
    else if (message.kind === 'work') void crew.work(message.times).then(over, fail);
    else void crew.end().then(() => tell({ kind: 'ended' }), fail);
  });
  const over = (reason: string | undefined): void => {
    clearInterval(flushing);
    sink.flush();
    tell({ kind: 'over', reason, unsent: sink.unsentCount });
  };
  await crew.begin();
  tell({ kind: 'begun' });
}

/** The thread's error event tells the main thread. */
function fail(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

main().catch(fail);
