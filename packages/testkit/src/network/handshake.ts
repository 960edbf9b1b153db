/**
 * One attempt to connect: knock, be let in or not, or hear nothing.
 *
 *     dialer                                   acceptor
 *       | knock, hello                      -> |  admit?
 *       | <-  welcome, hello   or  refusal     |
 *       | frames ...                        -> |
 *
 * Each leg is one packet that a cut may swallow; then the attempt times out. The acceptor counts the connection
 * as made when it says welcome. If the dialer is no longer interested by then, it closes it again.
 */
import type { Hello, NodeId, Timer } from '@rkv/core';
import type { Connection } from './connection.ts';
import type { SimNetwork } from './network.ts';
import type { SimTransport } from './transport.ts';

export type HandshakeOutcome =
  | { readonly kind: 'connected'; readonly connection: Connection }
  /** The peer, or this node, wants no connection. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nobody there, or no answer. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface HandshakeInit {
  readonly network: SimNetwork;
  readonly dialer: SimTransport;
  readonly address: string;
  readonly hello: Hello;
  /** Who must answer there; undefined: anybody. */
  readonly expected: NodeId | undefined;
  /** Called once, within an event of the dialer's life. */
  onOutcome(outcome: HandshakeOutcome): void;
}

const NOBODY_LISTENS: HandshakeOutcome = { kind: 'failed', reason: 'connection refused' };
const WAS_RESET: HandshakeOutcome = { kind: 'failed', reason: 'connection reset' };
const NO_ANSWER: HandshakeOutcome = { kind: 'failed', reason: 'timed out' };

export class Handshake {
  readonly #init: HandshakeInit;
  readonly #label: string;
  readonly #timeout: Timer;
  /** What the acceptor takes for a connection, while the welcome is under way. */
  #made: Connection | undefined;
  #settled = false;

  constructor(init: HandshakeInit) {
    this.#init = init;
    this.#label = `handshake ${init.dialer.life.machine}>${init.address}`;
    const { network, dialer, address } = init;
    const timeOut = (): void => {
      network.world.toll.count('dial timed out');
      this.#settle(NO_ANSWER);
    };
    this.#timeout = network.world.schedule(network.timings.dialTimeoutMs, timeOut, this.#label, dialer.life);
    const machine = network.machineAt(address);
    if (machine === undefined) {
      network.world.schedule(0, () => this.#settle(NOBODY_LISTENS), this.#label, dialer.life);
    } else {
      network.carry(network.link(dialer.life.machine, machine), () => this.#knock(machine), this.#label);
    }
  }

  /** Nobody waits for the outcome any more. */
  cancel(): void {
    this.#settled = true;
    this.#timeout.cancel();
    this.#made?.close();
  }

  #knock(machine: string): void {
    const answerer = this.#init.network.answererAt(this.#init.address);
    if (answerer === 'silent') return;
    if (answerer === 'refused') this.#answer(machine, () => this.#settle(NOBODY_LISTENS));
    else answerer.life.perform(() => this.#receive(answerer));
  }

  /** At the acceptor, within its life. */
  #receive(acceptor: SimTransport): void {
    const { network, dialer, hello, expected } = this.#init;
    const { machine } = acceptor.life;
    if (this.#settled || dialer.life.hasEnded) return; // it reads the knock, and that the dialer hung up since
    const { id } = acceptor;
    // The dialer reads who it is before it commits itself: a live connection is not given up for one to somebody else.
    if (expected !== undefined && id !== expected) {
      const reason = `node ${id} answers at its address`;
      this.#answer(machine, () => this.#settle({ kind: 'refused', reason }));
      return;
    }
    const verdict = acceptor.judge(hello);
    if (verdict.kind === 'refused') {
      this.#answer(machine, () => this.#settle({ kind: 'refused', reason: `refused: ${verdict.reason}` }));
      return;
    }
    const connection = network.connect({
      dialer: { party: dialer, hello },
      acceptor: { party: acceptor, hello: verdict.hello },
    });
    acceptor.accept(connection);
    this.#made = connection;
    this.#answer(machine, () => this.#conclude(connection));
  }

  #answer(machine: string, then: () => void): void {
    const { network, dialer } = this.#init;
    network.carry(network.link(machine, dialer.life.machine), then, this.#label, dialer.life);
  }

  #conclude(connection: Connection): void {
    if (this.#settled) return;
    this.#made = undefined;
    // A reset may have overtaken the welcome; nobody would tell the dialer a second time.
    this.#settle(connection.dialer.informed ? WAS_RESET : { kind: 'connected', connection });
  }

  #settle(outcome: HandshakeOutcome): void {
    if (this.#settled) return;
    this.cancel();
    this.#init.onOutcome(outcome);
  }
}
