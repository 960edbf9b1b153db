/** `npm start [node1 | node2 | node3]`: one node of the counters. */
import { clientOf } from '@rkv/core';
import { counter } from './counter.ts';
import { routesOf } from './routes.ts';
import { run } from './run.ts';

await run(process.argv[2] ?? 'node1', [counter], (node) => routesOf(clientOf(counter, node)));
