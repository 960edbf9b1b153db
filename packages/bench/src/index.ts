/**
 * `@rkv/bench`: load with honest latencies.
 *
 * `defineBench` describes a benchmark, `runBench` runs it, `writeReport` and `compare` tell of it; the command `rkv-bench`
 * does all of that for a file. A driver of one's own is a `Driver`.
 *
 * @module @rkv/bench
 */
export { defineBench, type Bench, type OperationEntry, type RateMode } from './definition/bench.ts';
export { BadBench, loadBench, type Definition, type Overrides } from './definition/settle.ts';
export { KeysExhausted } from './contracts/driver.ts';
export type { Driver, Key, Outcome, TerminateReason, Value, WorkerContext } from './contracts/driver.ts';
export type { Clock } from './contracts/clock.ts';
export type { SampleSink } from './contracts/sample.ts';
export { driverOf, type DriverSpec } from './drivers/box.ts';
export type { HttpOperation, HttpSpec } from './drivers/http.ts';
export type { RedisSpec } from './drivers/redis.ts';
export type { RkvSpec } from './drivers/rkv.ts';
export { keysOf, type IntKeys, type KeySpec, type NextKey } from './generators/keys.ts';
export { valuesOf, type NextValue, type ValueSpec } from './generators/values.ts';
export { SystemClock } from './load/system-clock.ts';
export { VirtualClock } from './load/virtual-clock.ts';
export { stallingDriver, type StallInit } from './load/stalling-driver.ts';
export { runBench, type RunOptions, type Subject, type Times } from './run/run.ts';
export { checkStall, type StallCheck } from './run/stall-check.ts';
export type * from './results/result.ts';
export { readResult, writeTables } from './results/folder.ts';
export { writeReport } from './report/report.ts';
export {
  compare,
  describeComparison,
  writeComparison,
  type ComparedLine,
  type Comparison,
} from './report/compare.ts';
export { describeResult } from './report/text.ts';
export { benchCommand, type ExitCode, type ProgramComponents } from './cli/program.ts';
export type { Terminal } from './cli/progress.ts';
