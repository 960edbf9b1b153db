/**
 * A client that hides nothing: one connection, every operation on it written down as it was asked and answered.
 *
 * When the connection breaks or does not answer, it goes on at the next node, as a client of a cluster does. It asks nothing
 * twice.
 */
import type { History, Invocation, Json, OpenOperation, Operation } from '@rkv/testkit';
import type { Redis } from 'ioredis';
import type { TestNode } from '../nodes.ts';
import { connect } from '../redis-client.ts';

export interface ClientInit {
  readonly history: History;
  /** Whom it may ask now. */
  readonly nodes: () => readonly TestNode[];
  readonly name: string;
  /** Which of them comes first. */
  readonly turn: number;
}

/** What is asked, in words of the history and in those of Redis. */
export interface Question extends Pick<Invocation, 'key' | 'kind' | 'input'> {
  readonly isRead: boolean;
  readonly ask: (redis: Redis) => Promise<unknown>;
  /** What of the answer is told; undefined: nothing. */
  readonly outputOf: (answer: unknown) => Json | undefined;
}

/** An answer takes a second at most, or the node is not there; ms. */
const ANSWER_MS = 2_500;

/** From the first attempt until it is given up. */
interface Connection {
  readonly name: string;
  readonly node: TestNode;
  readonly redis: Redis;
  /** What was asked may have reached the node. */
  wasReady: boolean;
}

export class Client {
  readonly #init: ClientInit;
  #turn: number;
  #connections = 0;
  #connection: Connection | undefined;

  constructor(init: ClientInit) {
    this.#init = init;
    this.#turn = init.turn;
  }

  get name(): string {
    return this.#init.name;
  }

  async perform({ key, kind, input, isRead, ask, outputOf }: Question): Promise<Operation> {
    const { history } = this.#init;
    const connection = this.#connected();
    const open = history.begin({
      client: connection?.name ?? this.name,
      node: connection?.node.name ?? 'nobody',
      ...{ key, kind, ...(input !== undefined && { input }) },
    });
    if (connection === undefined) return history.failed(open, 'no node runs');
    try {
      const output = outputOf(await ask(connection.redis));
      return history.ok(open, output === undefined ? {} : { output });
    } catch (error) {
      return this.#handleFailure(connection, open, isRead, error as Error);
    }
  }

  /** What is under way is still answered where it was asked. */
  moveTo(node: TestNode): void {
    const former = this.#connection;
    if (former?.node === node) return;
    this.#connect(node);
    former?.redis.quit().catch(() => {}); // it breaks, or is closed by the node
  }

  close(): void {
    this.#connection?.redis.disconnect();
  }

  /** A reply that is an error tells whether the change surely did not happen; a connection that breaks does not. */
  #handleFailure(connection: Connection, open: OpenOperation, isRead: boolean, error: Error): Operation {
    const { history } = this.#init;
    const replied = error.name === 'ReplyError';
    if (!replied) this.#leave(connection);
    else if (error.message.includes('(stopping:')) this.#moveOn(connection);
    const definite = replied ? error.message.includes('definite: true') : !connection.wasReady;
    return isRead || definite ? history.failed(open, String(error)) : history.indefinite(open, String(error));
  }

  #connected(): Connection | undefined {
    if (this.#connection !== undefined) return this.#connection;
    const nodes = this.#init.nodes();
    const node = nodes[this.#turn++ % Math.max(1, nodes.length)];
    return node === undefined ? undefined : this.#connect(node);
  }

  /** It was told to: what it does next it asks of another node. */
  #moveOn(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    connection.redis.quit().catch(() => {}); // the node may be quicker
  }

  #connect(node: TestNode): Connection {
    const redis = connect(node, ANSWER_MS);
    const connection = { name: `${this.name}/${++this.#connections}`, node, redis, wasReady: false };
    redis.on('ready', () => (connection.wasReady = true));
    redis.on('close', () => this.#leave(connection));
    this.#connection = connection;
    return connection;
  }

  #leave(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    connection.redis.disconnect();
  }
}
