/**
 * One client of each side, with the same three calls: `put`, `get`, `compareAndSet`. A connection each, one request under way.
 *
 * Both are as thin as their protocol lets them be. Both compare values: `SET key new IFEQ old`, and a transaction of etcd that
 * asks whether the key's value is `old`, and puts.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { command } from '../redis/load.mjs';
import { bytes, fieldOf, GrpcSession, small } from './grpc.mjs';

export class RkvClient {
  #socket;
  #waiting;
  #heard = '';

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#hear(text));
    socket.on('close', () => this.#waiting?.reject(new Error('rkv closed the connection')));
  }

  static async open(port) {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    return new RkvClient(socket);
  }

  async put(key, value) {
    await this.#ask('SET', key, value);
  }

  async get(key) {
    return this.#ask('GET', key);
  }

  async compareAndSet(key, old, value) {
    return (await this.#ask('SET', key, value, 'IFEQ', old)) !== undefined;
  }

  async close() {
    this.#socket.destroy();
  }

  /** Resolves with the text of the reply, undefined for null. */
  #ask(...args) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(command(...args));
    });
  }

  #hear(text) {
    this.#heard += text;
    const end = this.#heard.indexOf('\r\n');
    if (end === -1) return;
    const [kind, line] = [this.#heard[0], this.#heard.slice(1, end)];
    const isBulk = kind === '$' && line !== '-1';
    const length = end + 2 + (isBulk ? Number(line) + 2 : 0);
    if (this.#heard.length < length) return;
    const reply = isBulk ? this.#heard.slice(end + 2, -2) : line;
    this.#heard = '';
    if (kind === '-') this.#waiting.reject(new Error(`rkv: ${line}`));
    else this.#waiting.resolve(kind === '$' && !isBulk ? undefined : reply);
  }
}

const PUT = '/etcdserverpb.KV/Put';
const RANGE = '/etcdserverpb.KV/Range';
const TXN = '/etcdserverpb.KV/Txn';
const STATUS = '/etcdserverpb.Maintenance/Status';

export class EtcdClient {
  #session;

  constructor(session) {
    this.#session = session;
  }

  static async open(port) {
    return new EtcdClient(await GrpcSession.open(port));
  }

  async put(key, value) {
    await this.#session.call(PUT, putRequest(key, value));
  }

  /** Linearizable, which is what etcd does unless it is asked for less. */
  async get(key) {
    const pair = fieldOf(await this.#session.call(RANGE, bytes(1, key)), 2);
    return pair && fieldOf(pair, 5).toString('latin1');
  }

  async compareAndSet(key, old, value) {
    // Compare: result EQUAL (0, the default), target VALUE (3), key, value. RequestOp: request_put.
    const compare = bytes(1, small(2, 3), bytes(3, key), bytes(7, old));
    const success = bytes(2, bytes(2, putRequest(key, value)));
    return fieldOf(await this.#session.call(TXN, Buffer.concat([compare, success])), 2) === 1;
  }

  /** Does this member lead? */
  async leads() {
    const status = await this.#session.call(STATUS, Buffer.alloc(0));
    return fieldOf(fieldOf(status, 1), 2) === fieldOf(status, 4);
  }

  async close() {
    await this.#session.close();
  }
}

function putRequest(key, value) {
  return Buffer.concat([bytes(1, key), bytes(2, value)]);
}
