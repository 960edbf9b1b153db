/** A conversation in bytes with a Redis server: commands in one pipeline, and the bytes of each reply as they came. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LINE_END = '\r\n';
/** No reply within this, and something is wrong with the server. */
const ANSWER_MS = 120_000;

export class Talk {
  readonly #socket: Socket;
  readonly #name: string;
  #heard = '';

  private constructor(socket: Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
    socket.setEncoding('latin1');
  }

  static async open(name: string, port: number): Promise<Talk> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new Talk(socket, name);
  }

  /** A reply for each of the commands, as latin1. */
  async ask(commands: readonly (readonly string[])[]): Promise<string[]> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    this.#socket.write(commands.map(multibulk).join(''), 'latin1');
    const replies: string[] = [];
    while (replies.length < commands.length) {
      const end = endOfReply(this.#heard, 0);
      if (end === undefined) this.#heard += await this.#hear(signal);
      else {
        replies.push(this.#heard.slice(0, end));
        this.#heard = this.#heard.slice(end);
      }
    }
    return replies;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #hear(signal: AbortSignal): Promise<string> {
    for (;;) {
      const text = this.#socket.read() as string | null;
      if (text !== null) return text;
      if (this.#socket.readableEnded) throw new Error(`${this.#name} closed the connection`);
      await once(this.#socket, 'readable', { signal });
    }
  }
}

function multibulk(words: readonly string[]): string {
  const bulks = words.map((word) => `$${word.length}${LINE_END}${word}${LINE_END}`);
  return `*${words.length}${LINE_END}${bulks.join('')}`;
}

/** Where the reply that begins at `start` ends, or undefined when it is not all there. RESP2, and what we see of RESP3. */
function endOfReply(text: string, start: number): number | undefined {
  const lineEnd = text.indexOf(LINE_END, start);
  if (lineEnd === -1) return undefined;
  const after = lineEnd + LINE_END.length;
  const size = Number(text.slice(start + 1, lineEnd));
  switch (text[start]) {
    case '$': {
      const end = size < 0 ? after : after + size + LINE_END.length;
      return end <= text.length ? end : undefined;
    }
    case '*':
    case '%': {
      const parts = text[start] === '%' ? 2 * size : size;
      let end: number | undefined = after;
      for (let i = 0; i < parts && end !== undefined; i++) end = endOfReply(text, end);
      return end;
    }
    default:
      return after;
  }
}
