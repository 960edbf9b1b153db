/**
 * Reading all sockets of a server into one buffer.
 *
 * By default Node.js makes a new buffer of 64 KiB for every read; at one request per read that is an eighth of a
 * server's time. A socket can be born with `onread`, which reads into a buffer of ours, and since requests are
 * handled before the read returns, one buffer serves them all. But the sockets that `net.Server` makes are
 * born without it. So the connection is moved: its handle is taken out of the accepted socket and a new socket
 * is made around it. `handle` and `_handle` are not in Node's documentation, though old and widely used; where
 * they are not as expected, the accepted socket is read the ordinary way.
 *
 * The server must be created with `pauseOnConnect`, so that nothing has been read before the move.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';

/** As many bytes as Node.js reads at once by itself. */
const INTAKE_BYTES = 64 * 1024;

/** `bytes[0, length)` has come in; borrowed, valid during the call. */
export type OnBytes = (bytes: Buffer, length: number) => void;

interface HandleOwner {
  _handle?: { useUserBuffer?: unknown } | null;
}

export class Intake {
  readonly #buffer = Buffer.allocUnsafeSlow(INTAKE_BYTES);

  /** The socket to go on with, paused: not necessarily the one given, which must not be used any more. */
  open(accepted: Socket, onBytes: OnBytes): Socket {
    const owner = accepted as HandleOwner;
    const handle = owner._handle;
    if (typeof handle?.useUserBuffer !== 'function') {
      accepted.on('data', (bytes: Buffer) => onBytes(bytes, bytes.length));
      accepted.pause();
      return accepted;
    }
    owner._handle = null;
    accepted.destroy();
    return this.#socketAround(handle, accepted.allowHalfOpen, onBytes);
  }

  #socketAround(handle: object, allowHalfOpen: boolean, onBytes: OnBytes): Socket {
    const options = {
      handle,
      allowHalfOpen,
      onread: {
        buffer: this.#buffer,
        callback: (length: number, bytes: Buffer) => {
          onBytes(bytes, length);
          return true;
        },
      },
    };
    const socket = new Socket(options as unknown as SocketConstructorOpts);
    return socket.pause();
  }
}
