/**
 * What is typed in the tutorial, and what the test does instead. Here is all of it, but for npm's settings and NO_COLOR (reader.ts):
 *
 *   npm create rkv ...      the generator out of its tarball, and the packages out of theirs
 *   npm install @rkv/x      the tarball of that package
 *   redis-cli               with --no-raw, so that it prints what it prints at a terminal, and the port that it would take
 *   8098, 6379, ...         free ports of this machine; in what is printed they are the tutorial's again
 */
import { freePort } from '@rkv/testkit';
import type { Packed } from '../packed/packed.ts';

/** Of node1 to node3: the HTTP door, the cluster, Redis. */
const PORTS = [8098, 8198, 8298, 8099, 8199, 8299, 6379, 6479, 6579];

export interface Disguise {
  /** What is done instead of a command. */
  command(text: string): string;
  /** What is written instead of a file's text. */
  file(text: string): string;
  /** What would have been printed. */
  printed(text: string): string;
}

export const NO_DISGUISE: Disguise = {
  command: (text) => text,
  file: (text) => text,
  printed: (text) => text,
};

export async function disguiseFor(packed: Packed): Promise<Disguise> {
  const there = new Map<string, string>();
  const back = new Map<string, string>();
  for (const port of PORTS) {
    const free = String(await freePort());
    there.set(String(port), free);
    back.set(free, String(port));
  }
  const moved = (text: string, ports: ReadonlyMap<string, string>): string =>
    text.replaceAll(/(?<!\d)\d{4,5}(?!\d)/g, (number) => ports.get(number) ?? number);
  return {
    command: (text) =>
      moved(text, there)
        .replace(
          /^npm create rkv (\S+) -- (.*)$/m,
          `node '${packed.generator}' $1 $2 --packages '${packed.tarballs}'`,
        )
        .replaceAll(/(?<=^npm install .*)@rkv\/(\w+)/gm, (_, name: string) => `'${packed.tarballOf(name)}'`)
        .replaceAll(
          /\bredis-cli (?!--version)(?=(-p )?)/g,
          (_, port) => `redis-cli --no-raw ${port ? '' : `-p ${there.get('6379')} `}`,
        ),
    file: (text) => moved(text, there),
    printed: (text) => moved(text, back),
  };
}
