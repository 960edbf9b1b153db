// A node of rkv inside your own program: the same node that `rkv start` runs, with promises in front.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '@rkv/store';

// Without a data directory it lives in memory; with one, all is there again at the next open.
const dataDir = await mkdtemp(join(tmpdir(), 'rkv-embed-'));

let rkv = await open({ dataDir, redis: '127.0.0.1:0' });
console.log(`redis-cli -p ${rkv.ports.redis} reads the same keys`);

for (const bird of ['robin', 'wren', 'heron']) await rkv.put(`bird:${bird}`, `a ${bird}`);
await rkv.delete('bird:heron');
await rkv.close();

rkv = await open({ dataDir });
console.log('bird:wren is', Buffer.from((await rkv.get('bird:wren')) ?? []).toString()); // values are bytes
console.log('bird:heron is', await rkv.get('bird:heron'));
for await (const key of rkv.keys()) console.log('there is', Buffer.from(key).toString());
await rkv.close();

await rm(dataDir, { recursive: true });
