/** The machine that the load ran on: numbers without it mean little. */
import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Machine } from './result.ts';

export function thisMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? arch(),
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
  };
}
