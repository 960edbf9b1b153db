/** `npm start [node1 | node2 | node3]`: one node of rkv and the app in front of it, until it is asked to end. */
import { open } from '@rkv/store';
import { buildApp } from './app.ts';
import { readSettings } from './settings.ts';

// npm passes on a Ctrl-C that the terminal has sent already, so a second signal is no reason to hurry.
const asked = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
});

const { web, ...options } = readSettings(process.argv[2] ?? 'node1');
const { hostname, port } = new URL(`http://${web}`);
const rkv = await open(options);
const app = buildApp(rkv);
try {
  const url = await app.listen({ host: hostname, port: Number(port) });
  console.log(`${options.name} is up: ${url}, redis ${rkv.ports.redis}, cluster ${rkv.ports.cluster}`);
  await asked;
} finally {
  await app.close();
}
console.log(`${options.name} has ended`);
