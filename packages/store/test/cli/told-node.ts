/** A node that answers the command line as it is told to, and writes down what it was asked. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { rkv, type ExitCode } from '../../src/cli/program.ts';

export interface Run {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
  /** Of `out`, when that is JSON. */
  readonly json: Record<string, unknown>;
}

export class ToldNode {
  /** By `METHOD path`. Of a list one after the other, the last again and again; what has an `error` is refused. */
  answers: Record<string, unknown> = {};
  asked: { request: string; body: string }[] = [];
  readonly door: Server = createServer(async (request, response) => {
    this.asked.push({ request: `${request.method} ${request.url}`, body: await text(request) });
    const next = this.#next(`${request.method} ${request.url?.split('?')[0]}`);
    const status = (next as { error?: unknown } | undefined)?.error === undefined ? 200 : 409;
    response.writeHead(next === undefined ? 500 : status).end(JSON.stringify(next));
  });

  async open(): Promise<void> {
    this.door.listen(0, '127.0.0.1');
    await once(this.door, 'listening');
  }

  close(): void {
    this.door.closeAllConnections();
    this.door.close();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.door.address() as AddressInfo).port}`;
  }

  /** The command `rkv` at this node. */
  async run(...args: string[]): Promise<Run> {
    let [out, err] = ['', ''];
    const terminal = {
      out: (written: string | Uint8Array) =>
        void (out += typeof written === 'string' ? written : Buffer.from(written).toString('latin1')),
      err: (written: string) => void (err += written),
      env: { RKV_NODE: this.url },
      isTty: false,
    };
    const startServer = () => Promise.reject(new Error('no node is started here'));
    const code = await rkv(args, { terminal, startServer });
    return { code, out, err, json: out.startsWith('{') ? (JSON.parse(out) as Run['json']) : {} };
  }

  #next(path: string): unknown {
    const answer = this.answers[path];
    if (!Array.isArray(answer)) return answer;
    return answer.length > 1 ? answer.shift() : answer[0];
  }
}
