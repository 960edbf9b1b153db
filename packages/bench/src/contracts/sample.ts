/**
 * What a worker tells of each operation. All times are microseconds.
 *
 * Two latencies, and their difference is the point of this package. `service`: from the moment when the operation was
 * sent. `response`: from the moment when it was due. In a closed loop they are equal, since an operation is due when the
 * one before has ended, and that is why a closed loop cannot see a stall: while it waits, nothing is due.
 */
export interface SampleSink {
  /** Its last argument: the worker was free and waited for this operation's time, so its lateness is our own. */
  succeeded(label: number, doneUs: number, serviceUs: number, responseUs: number, waited: boolean): void;
  failed(label: number, doneUs: number, kind: string): void;
  /** Operations that were due and never sent, as all workers were busy until the end of the drain. */
  unsent(count: number): void;
}
