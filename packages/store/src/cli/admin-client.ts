/**
 * The node that a command talks to, over its HTTP door.
 *
 * Answers are taken at their word: both ends are of one package. What the node refuses comes out as a `Refusal`
 * with the node's code; a node that is not there as `no_node`.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Refusal, WrongUsage } from './terminal.ts';

export interface Question {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Text goes as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** How long the answer may take at most. */
  readonly timeoutMs?: number;
}

/** A little longer than the door itself waits for an answer, so that its own words are heard. */
const ANSWER_MS = 65_000;

export class AdminClient {
  readonly url: string;

  /** `http://host:port`; a bare `host:port` will do. */
  constructor(node: string) {
    const text = node.includes('://') ? node : `http://${node}`;
    if (!URL.canParse(text))
      throw new WrongUsage(`--node must be a URL like http://127.0.0.1:8098, not ${node}`);
    const url = new URL(text);
    if (url.protocol !== 'http:') throw new WrongUsage(`--node must be an http URL, not ${node}`);
    this.url = url.origin;
  }

  get<T>(path: string, question: Question = {}): Promise<T> {
    return this.#ask<T>('GET', path, question);
  }

  post<T>(path: string, question: Question = {}): Promise<T> {
    return this.#ask<T>('POST', path, question);
  }

  async #ask<T>(method: string, path: string, question: Question): Promise<T> {
    const { status, text } = await this.#exchange(method, path, question);
    const answer = parseAnswer(text);
    if (status >= 200 && status < 300 && answer !== undefined) return answer as T;
    const { code, message, ...facts } = (answer as ErrorAnswer | undefined)?.error ?? {};
    throw new Refusal(
      code ?? 'no_node',
      message ?? `${this.url} answers, but not as an rkv node does (HTTP ${status})`,
      facts,
    );
  }

  async #exchange(
    method: string,
    path: string,
    question: Question,
  ): Promise<{ status: number; text: string }> {
    const { query, body, signal, timeoutMs = ANSWER_MS } = question;
    const limit = AbortSignal.timeout(timeoutMs);
    const sent = request(`${this.url}${path}${queryString(query)}`, {
      method,
      agent: false,
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    try {
      sent.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
    } catch (cause) {
      signal?.throwIfAborted();
      if (limit.aborted) throw new Refusal('timeout', `${this.url} gave no answer within ${timeoutMs} ms`);
      const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
      throw new Refusal(
        'no_node',
        `no node can be reached at ${this.url} (${why}); --node or RKV_NODE names another`,
      );
    }
  }
}

interface ErrorAnswer {
  readonly error?: { readonly code?: string; readonly message?: string; readonly [fact: string]: unknown };
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not one of ours: the caller says so, with the status
  }
}

function queryString(query: Question['query'] = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return '';
  return `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`).join('&')}`;
}
