/**
 * A planted bug: lmdb says that a batch is committed some time before it is. Loaded into a node by `--import`, and only by
 * the test that must find it.
 *
 * lmdb-js makes its class of stores anew with each environment and assigns the methods to its prototype, which stands on
 * that of EventEmitter: what is assigned comes by here.
 */
import { EventEmitter } from 'node:events';

const LATE_MS = 50;

Object.defineProperty(EventEmitter.prototype, 'batch', {
  configurable: true,
  set(batch) {
    Object.defineProperty(this, 'batch', {
      value(...given) {
        setTimeout(() => void batch.apply(this, given), LATE_MS);
        return Promise.resolve(true);
      },
    });
  },
});
