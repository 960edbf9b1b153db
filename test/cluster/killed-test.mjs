// A test that is killed while its node stands still.
import { startCluster } from '@rkv/testkit';

const cluster = await startCluster({ nodes: 1, storage: 'memory' });
const [node] = cluster.nodes;
node.pause();
process.send({ pid: node.pid, folder: cluster.folder });
setInterval(() => {}, 1_000);
