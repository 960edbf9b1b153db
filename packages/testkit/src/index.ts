/**
 * `@rkv/testkit`: a whole cluster in one process, on virtual time, from one seed.
 *
 * Start at `World` and `SimCluster`; `drawFaults` and `unleash` break things, `shrink` finds out which. `History` keeps what
 * clients did and were told, in the simulated world and in the real one; `checkLinearizable` and `checkSettled` judge it.
 * `simulate` puts all of this together for vnodes of one's own; `startCluster` starts real processes, and `Cluster` is what a test
 * sees of either.
 *
 * @module @rkv/testkit
 */
export { World, SimulationFailure, type WorldInit } from './world/world.ts';
export { Trace, digestBytes } from './world/trace.ts';
export { MISHAPS, Toll, type Mishap } from './world/toll.ts';
export type { Gate } from './world/event-queue.ts';
export { Life, type Ending } from './life/life.ts';
export { SimClock, WALL_CLOCK_ORIGIN_MS, type ClockInit } from './life/clock.ts';
export { SimHost, type SimHostInit } from './life/host.ts';
export { LOCAL_NETWORK, type Link, type LinkProperties, type Lossiness } from './network/link.ts';
export { SimNetwork, type NetworkTimings, type SimNetworkInit } from './network/network.ts';
export type { SimTransport } from './network/transport.ts';
export { SimDisk, type DiskHealth, type DiskTimings, type SimDiskInit } from './disk/disk.ts';
export {
  describeFaults,
  type Breakage,
  type Fault,
  type FaultKind,
  type NodeBreakage,
  type NodeFaultKind,
  type Sides,
} from './faults/fault.ts';
export { parseFaults } from './faults/parse-faults.ts';
export { drawFaults, FAULT_KINDS, swarm, type FaultPlan } from './faults/draw-faults.ts';
export { unleash, type Breakable } from './faults/nemesis.ts';
export { Agreement } from './check/agreement.ts';
export { checkDeterminism, type Determinism } from './check/determinism.ts';
export { shrink } from './check/shrink.ts';
export type {
  Copy,
  Invocation,
  Json,
  Operation,
  Operations,
  Outcome,
  QuietTime,
} from './history/operation.ts';
export {
  History,
  type Answer,
  type HistoryEvent,
  type HistoryInit,
  type OpenOperation,
} from './history/history.ts';
export { HistoryFile, parseHistory, readHistory } from './history/history-file.ts';
export {
  checkLinearizable,
  describeLinearizability,
  isLinearizable,
  type LinearizableInit,
  type LinearizableVerdict,
} from './check/linearizable.ts';
export {
  checkSettled,
  describeSettled,
  isSettled,
  type Finding,
  type FindingKind,
  type Look,
  type SettledVerdict,
} from './check/settled.ts';
export type { Explanation } from './check/explanation.ts';
export {
  toldOf,
  type Model,
  type Hints,
  type ModelOfKey,
  type PrimitiveState,
  type Transition,
} from './check/model.ts';
export { drawTimeLines } from './check/time-lines.ts';
export { register, type Register } from './check/register.ts';
export { counter } from './check/counter.ts';
export { set } from './check/set.ts';
export { text } from './check/text.ts';
export { SimCluster, type NodeLife, type SimClusterInit } from './cluster/cluster.ts';
export type { Cluster } from './cluster/contract.ts';
export { NodeLog, type LogLevel, type LogLine } from './cluster/node-log.ts';
export { checkCommand } from './command/check-command.ts';
export { simulate, type SimulateInit } from './simulation/simulate.ts';
export { simulateSeeds, SimulatedSeeds, type SimulateSeedsInit } from './simulation/simulate-seeds.ts';
export {
  simulateCluster,
  SimulatedCluster,
  type SimulateClusterInit,
} from './simulation/simulate-cluster.ts';
export { Simulation, SimulationBroken, type PlayAgain, type Played } from './simulation/simulation.ts';
export type { ClientMemory, SimOperation, SimOperations, SimRequest, Told } from './simulation/clients.ts';
export { describeEvents, parseEvents, type MemberChange, type SimEvent } from './simulation/sim-event.ts';
export type { AnyModule, Door, Modules, SimRing, SimRingInit } from './simulation/sim-ring.ts';
export type { AnyModel, Promised } from './simulation/judge.ts';
export { askReplicas, type ReplicaQuestion } from './simulation/ask-replicas.ts';
export { asking } from './simulation/asking.ts';
export { ProcessCluster, startCluster, type StartClusterInit } from './processes/start-cluster.ts';
export { Guard } from './processes/guard.ts';
export { hasEnded } from './processes/has-ended.ts';
export { cleanEnvironment, NodeProcess, type Exit, type NodeProcessInit } from './processes/node-process.ts';
export { ProcessNode, type DoorAnswer, type ProcessNodeInit, type Seat } from './processes/process-node.ts';
export { freePort, isFree } from './processes/ports.ts';
