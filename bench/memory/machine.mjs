/** The line above every table: when, on what, with which versions. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

export function describeMachine(...others) {
  const processors = cpus();
  const git = spawnSync('git', ['describe', '--always', '--dirty'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  return [
    `${new Date().toISOString().slice(0, 10)}: ${processors.length} x ${processors[0]?.model ?? process.arch}`,
    `Node.js ${process.versions.node}`,
    ...others,
    ...(git.status === 0 ? [`rkv ${git.stdout.trim()}`] : []),
  ].join(', ');
}
