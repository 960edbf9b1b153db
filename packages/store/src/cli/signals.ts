/**
 * Being asked to end: SIGINT and SIGTERM, once to drain, again to end at once.
 *
 * npm passes on the SIGINT that the terminal has already sent to everyone, so one Ctrl-C arrives twice within
 * a few milliseconds; a person who means it presses again later.
 */
const ECHO_MS = 400;

export interface SignalWatch {
  /** Aborted by the first signal. */
  readonly asked: AbortSignal;
  /** Give the signals back to their defaults. */
  end(): void;
}

/** `insist` is called for every signal that comes later than an echo of the first. */
export function watchSignals(insist: (signal: NodeJS.Signals) => void): SignalWatch {
  const asked = new AbortController();
  let first = 0;
  const heard = (signal: NodeJS.Signals): void => {
    if (!asked.signal.aborted) {
      first = performance.now();
      asked.abort(signal);
    } else if (performance.now() - first > ECHO_MS) {
      insist(signal);
    }
  };
  process.on('SIGINT', heard).on('SIGTERM', heard);
  return { asked: asked.signal, end: () => void process.off('SIGINT', heard).off('SIGTERM', heard) };
}
