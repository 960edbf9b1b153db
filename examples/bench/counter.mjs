// A benchmark with a driver of one's own: a counter for each key on a node in this process, the new value by two requests.
import { defineBench } from '@rkv/bench';
import { open } from '@rkv/store';

// All workers share one node, which the first of them opens and the last one closes.
let node;
let users = 0;

export const bench = defineBench({
  name: 'counter',
  driver: {
    name: 'counters on rkv',
    operations: ['add', 'read'],
    oneThread: true,
    async new() {
      users++;
      node ??= open({ n: 1 });
      return { rkv: await node };
    },
    async run(operation, nextKey, _nextValue, { rkv }) {
      const key = String(nextKey());
      const before = Number(Buffer.from((await rkv.get(key)) ?? '0'));
      if (Number.isNaN(before)) return { error: 'no number' };
      if (operation === 'add') await rkv.put(key, String(before + 1));
      return 'ok';
    },
    async terminate(_reason, { rkv }) {
      if (--users === 0) await rkv.close();
    },
  },
  operations: { add: 1, read: 4 },
  mode: { rate: 200 },
  workers: 10,
  durationS: 2,
  keys: { kind: 'format', format: 'visits:%d', of: { kind: 'zipfianInt', max: 1_000 } },
});
