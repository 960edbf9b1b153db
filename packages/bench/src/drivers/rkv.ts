/**
 * rkv in this process: a node opened by the first worker and closed by the last one. No socket is measured.
 *
 * Needs @rkv/store beside this package. The node shares the thread with the load, so latencies hold what the one waits
 * for the other; requests a second of processor time are what this driver is good for.
 */
import type { KvError, OpenOptions, Rkv } from '@rkv/store';
import type { Driver } from '../contracts/driver.ts';
import { bytesOfKey } from '../generators/keys.ts';
import { OwnPuts } from './own-puts.ts';

/** Handed to `open` of @rkv/store. */
export type RkvSpec = { readonly kind: 'rkv' } & Pick<
  OpenOptions,
  'dataDir' | 'storage' | 'durability' | 'ringSize' | 'n'
>;

interface State {
  readonly rkv: Rkv;
  readonly own: OwnPuts;
}

type Operation = 'get' | 'put' | 'delete' | 'getOwnPuts';

export function rkvDriver({ kind: _kind, ...options }: RkvSpec): Driver<State, Operation> {
  let opened: Promise<Rkv> | undefined;
  let users = 0;
  return {
    name: 'rkv in process',
    operations: ['get', 'put', 'delete', 'getOwnPuts'],
    oneThread: true,
    async new({ random }) {
      users++;
      opened ??= openStore(options);
      return { rkv: await opened, own: new OwnPuts(random) };
    },
    async run(operation, nextKey, nextValue, { rkv, own }) {
      const key = operation === 'getOwnPuts' ? own.pick() : nextKey();
      if (key === undefined) return 'silent';
      const bytes = bytesOfKey(key);
      try {
        if (operation === 'put') {
          await rkv.put(bytes, bytesOfKey(nextValue()));
          own.add(key);
        } else if (operation === 'delete') {
          await rkv.delete(bytes);
        } else {
          await rkv.get(bytes);
        }
      } catch (error) {
        return { error: (error as KvError).code };
      }
      return 'ok';
    },
    async terminate() {
      if (--users > 0) return;
      const rkv = await opened;
      opened = undefined;
      await rkv?.close();
    },
  };
}

async function openStore(options: OpenOptions): Promise<Rkv> {
  let store;
  try {
    store = await import('@rkv/store');
  } catch (cause) {
    throw new Error('the driver rkv needs the package @rkv/store beside @rkv/bench', { cause });
  }
  return store.open(options);
}
