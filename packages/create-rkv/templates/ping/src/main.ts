/** `npm start [node1 | node2 | node3]`: one node of the service. */
import { routesOf } from './routes.ts';
import { run } from './run.ts';
import { Service } from './service.ts';
import { kv } from './vnode.ts';

await run(process.argv[2] ?? 'node1', [kv], (node) => routesOf(new Service(node)));
