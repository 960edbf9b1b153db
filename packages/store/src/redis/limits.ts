/** What one door allows. Everything a client can make grow has a limit here. */
export interface RedisLimits {
  /** Connections at once; one more is told so and closed. */
  readonly clientsMax: number;
  /** Largest argument that is kept, bytes. A larger one is read past and its command refused; the connection lives on. */
  readonly valueBytesMax: number;
  /** Largest sum of the arguments of one command that is kept, bytes. Beyond it as with `valueBytesMax`. */
  readonly commandBytesMax: number;
  /** Replies owed to one connection. At the limit it is not read until some are given. More: deeper pipelines, more memory. */
  readonly owedRepliesMax: number;
  /** Unsent bytes of one connection from which on it is not read. */
  readonly outputPauseBytes: number;
  /** Unsent bytes of one connection at which it is closed: its reader is too slow or gone. */
  readonly outputCloseBytes: number;
  /** Bytes of replies to KEYS, of all connections, that were not given yet. One more is refused. */
  readonly gatheredBytesMax: number;
  /**
   * A header line that stays unfinished this long closes its connection, milliseconds; so does a reply to KEYS of which nothing is read.
   * Bodies may take their time.
   */
  readonly headerTimeoutMs: number;
  /** How long `close()` waits for answers and slow readers before it cuts them off, milliseconds. */
  readonly drainTimeoutMs: number;
}

const MEBIBYTE = 1024 * 1024;

export const defaultLimits: RedisLimits = {
  clientsMax: 10_000,
  valueBytesMax: 16 * MEBIBYTE,
  commandBytesMax: 128 * MEBIBYTE,
  owedRepliesMax: 1024,
  outputPauseBytes: MEBIBYTE,
  outputCloseBytes: 256 * MEBIBYTE,
  gatheredBytesMax: 64 * MEBIBYTE,
  headerTimeoutMs: 60_000,
  drainTimeoutMs: 10_000,
};
