/** The shape of a pino logger, as far as the core uses it. Fields first, sentence second. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For those who want to hear nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
