/** `npm start [node1 | node2 | node3]`: one node of the counters. */
import { routesOf } from './routes.ts';
import { run } from './run.ts';
import { Counters } from './service.ts';
import { counter } from './vnode.ts';

await run(process.argv[2] ?? 'node1', [counter], (node) => routesOf(new Counters(node)));
