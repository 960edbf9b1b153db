/** Three members of etcd, each a process on free ports of this machine, flushing what they answer as etcd always does. */
import { spawn } from 'node:child_process';
import { freePort, until } from '../redis/subjects.mjs';
import { EtcdClient } from './clients.mjs';

const url = (port) => `http://127.0.0.1:${port}`;

/** Resolves when all answer and one leads; `ports` begin with the leader's. */
export async function startEtcd(household, count) {
  const members = [];
  for (let i = 1; i <= count; i++)
    members.push({ name: `e${i}`, port: await freePort(), peerPort: await freePort() });
  const cluster = members.map(({ name, peerPort }) => `${name}=${url(peerPort)}`).join(',');
  const children = members.map((member) => household.adopt(startMember(household, member, cluster)));
  const leaderFirst = await lead(members.map(({ port }) => port));
  return { pids: children.map(({ pid }) => pid), ports: leaderFirst };
}

function startMember(household, { name, port, peerPort }, cluster) {
  const flags = {
    name,
    'data-dir': household.directory(name),
    'listen-client-urls': url(port),
    'advertise-client-urls': url(port),
    'listen-peer-urls': url(peerPort),
    'initial-advertise-peer-urls': url(peerPort),
    'initial-cluster': cluster,
    'initial-cluster-state': 'new',
    logger: 'zap',
    'log-level': 'error',
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return spawn('etcd', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function lead(ports) {
  let leader;
  await until('etcd to have a leader', async () => {
    for (const port of ports) {
      const client = await EtcdClient.open(port);
      if (await client.leads()) leader = port;
      // A write shows that the others follow.
      await client.put('ready', '1');
      await client.close();
    }
    return leader !== undefined;
  });
  return [leader, ...ports.filter((port) => port !== leader)];
}
