/** Why a transport could not begin its work. Once it works, what goes wrong is told to its handler. */
export type TransportErrorCode = 'secret_required' | 'address_in_use' | 'listen_failed';

export class TransportError extends Error {
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TransportError';
    this.code = code;
  }
}
