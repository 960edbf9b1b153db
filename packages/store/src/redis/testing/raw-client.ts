/** A client that speaks bytes, for tests of the door: what goes out and what comes back is written as on the wire. */
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  /** Resolves when the server has closed. */
  readonly closed: Promise<void>;
  #received = '';
  #arrived: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    // A reset is how some closes look from here; `closed` tells.
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      this.#received += bytes.toString('latin1');
      this.#arrived();
    });
    socket.on('close', () => this.#arrived());
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () =>
        resolve(new RawClient(socket)),
      );
      socket.once('error', reject);
    });
  }

  send(latin1: string): void {
    this.socket.write(latin1, 'latin1');
  }

  /** The next so many bytes, as latin1; fewer if the server closes first. */
  async receive(length: number): Promise<string> {
    while (this.#received.length < length && !this.socket.closed) {
      await new Promise<void>((resolve) => (this.#arrived = resolve));
    }
    const bytes = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return bytes;
  }

  /** Sends, and takes as many bytes as are expected. */
  async ask(latin1: string, expected: string): Promise<string> {
    this.send(latin1);
    return this.receive(expected.length);
  }

  /** All that comes until the server closes. */
  async rest(): Promise<string> {
    await this.closed;
    return this.receive(this.#received.length);
  }
}

/** Waits, turn by turn, until something holds that other sockets' events bring about. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** A request in the multibulk form. */
export function multibulk(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}
