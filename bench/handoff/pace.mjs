/**
 * Requests at a steady rate, whatever the answers do: each has a moment at which it was meant to be sent, and its time
 * counts from there. So a node that stands still for a second shows as many slow requests, not as one.
 */
import { Redis } from 'ioredis';

/** Timers are late by about as much; what fell due meanwhile goes out together. */
const TURN_MS = 1;

/** Reads and writes of keys 0 ... `keys` - 1, in turn, over one connection to each port, `rate` a second in all. */
export class Pace {
  #clients;
  #rate;
  #value;
  #keyAt;
  #timer;
  #startedAt;
  #sent = 0;
  #heard = { GET: [], SET: [], errors: 0 };

  constructor({ ports, rate, value, keyAt }) {
    this.#clients = ports.map(
      (port) => new Redis(port, '127.0.0.1', { retryStrategy: () => null, maxRetriesPerRequest: 0 }),
    );
    for (const client of this.#clients) client.on('error', () => {}); // its requests tell
    this.#rate = rate;
    this.#value = value;
    this.#keyAt = keyAt;
  }

  start() {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  /** What was sent since the last call, as far as it is answered: times, ms, sorted, and how many were refused. */
  mark() {
    const heard = this.#heard;
    this.#heard = { GET: [], SET: [], errors: 0 };
    for (const kind of ['GET', 'SET']) heard[kind].sort((a, b) => a - b);
    return heard;
  }

  stop() {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.disconnect();
  }

  #turn() {
    const due = ((performance.now() - this.#startedAt) * this.#rate) / 1000;
    while (this.#sent < due) this.#send(this.#sent++);
  }

  async #send(number) {
    const meantAt = this.#startedAt + (number * 1000) / this.#rate;
    const client = this.#clients[number % this.#clients.length];
    const kind = Math.floor(number / this.#clients.length) % 2 === 0 ? 'GET' : 'SET';
    const heard = this.#heard;
    try {
      if (kind === 'GET') await client.getBuffer(this.#keyAt());
      else await client.set(this.#keyAt(), this.#value);
    } catch {
      heard.errors++;
    }
    heard[kind].push(performance.now() - meantAt);
  }
}
