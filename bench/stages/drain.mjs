/** The other end of writes.mjs: tells its port, reads all that comes and forgets it. */
import { createServer } from 'node:net';

const server = createServer((socket) => socket.on('error', () => {}).resume());
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.once('disconnect', () => process.exit());
