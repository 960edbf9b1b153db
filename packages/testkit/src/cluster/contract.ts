/**
 * A cluster as a test sees it, in whichever world: simulated on virtual time (`simulateCluster`), or real processes (`startCluster`).
 *
 *     async function scenario(cluster: Cluster, service: { put(node: string, value: string): Promise<void>; ... }) {
 *       await cluster.kill('n2');
 *       await service.put('n1', 'meanwhile');
 *       await cluster.restart('n2');
 *       await cluster.settled();
 *       ...
 *     }
 *
 * What a node is asked is not in it: in the one world that is an object, in the other a door that speaks HTTP. A scenario brings a
 * few functions of its own for that, once for each world.
 *
 * Beside what is common each world has its own: seeds, disks and clocks that fail here, sockets, signals and logs there. Time passes in
 * these calls and in what the scenario asks; in the simulated world nowhere else, so a scenario waits by `until` and not by a timer.
 */
export interface Cluster {
  /** Of all nodes that were started and have not left. */
  readonly names: readonly string[];
  /** A new node, a ring of its own until it joins. Resolves when it is ready. */
  start(name: string): Promise<unknown>;
  /** Have these let in, and wait until nothing moves. */
  join(...names: string[]): Promise<void>;
  /** Have a member leave, and wait until it is gone and nothing moves. */
  leave(name: string): Promise<void>;
  /** kill -9. Does nothing while it does not run. */
  kill(name: string): Promise<void>;
  /** Start one that was killed, with its disk. Resolves when it is ready. */
  restart(name: string): Promise<void>;
  /** It is there and says nothing. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** Nothing passes between these two sides, either way. Cuts add up until `heal`. */
  cut(a: readonly string[], b: readonly string[]): Promise<void>;
  /** Nothing that the first say reaches the second; the other way is whole. */
  cutOneWay(from: readonly string[], to: readonly string[]): Promise<void>;
  /** No cut is left. */
  heal(): Promise<void>;
  /** All members run, agree, hear each other, and nothing moves. Rejects with logs when that does not come. */
  settled(): Promise<void>;
  /** Why it is not at rest, or undefined. */
  unrest(): Promise<string | undefined>;
  /** Time passes until this holds; it is asked again and again. Rejects with logs when it does not come. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
  /** What every node said last, for a failed test. */
  describe(): string;
  /** Nothing is left of it. */
  end(): Promise<void>;
}
