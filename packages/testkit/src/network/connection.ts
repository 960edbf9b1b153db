/**
 * One connection from a dialer to an acceptor: three lanes one way, and the ways it can end.
 *
 * Each side learns of the end on its own and later than it happened: until then the dialer's frames are taken
 * and go nowhere. An orderly close and a killed dialer let what is under way arrive first; a reset loses it; a
 * machine without power says nothing, and the others find out by waiting or when it is back.
 */
import { LANES, type Hello, type Lane, type Timer } from '@rkv/core';
import type { Ending, Life } from '../life/life.ts';
import type { World } from '../world/world.ts';
import { Channel, type ChannelComponents } from './channel.ts';
import type { Link } from './link.ts';

/** Who stands at one end: the transport of one life. */
export interface Party {
  readonly life: Life;
  receive(peer: Hello, lane: Lane, bytes: Uint8Array, start: number, end: number): void;
  /** Once per connection at most, and never for an end that this party brought about. */
  connectionEnded(connection: Connection, reason: string): void;
}

export interface ConnectionTimings {
  /** TCP gives up on bytes that nobody acknowledges after a time between these, ms. */
  readonly giveUpMs: readonly [number, number];
  /** The chance that a connection which a cut had stalled is reset when the link is whole again. */
  readonly resetAfterCut: number;
}

export interface ConnectionInit {
  readonly world: World;
  readonly forward: Link;
  readonly backward: Link;
  readonly timings: ConnectionTimings;
  readonly queuedBytesMax: Readonly<Record<Lane, number>>;
  readonly dialer: { readonly party: Party; readonly hello: Hello };
  readonly acceptor: { readonly party: Party; readonly hello: Hello };
  /** Both sides know that it is over. */
  onForgotten(connection: Connection): void;
}

/** One end: its party, and whether that party knows of the end of the connection (or is no more). */
interface Side {
  readonly party: Party;
  readonly hello: Hello;
  informed: boolean;
}

/** A reset shows on each side within this, on one often well before the other. */
const RESET_MS_MAX = 50;

export class Connection {
  readonly dialer: Side;
  readonly acceptor: Side;
  readonly #init: ConnectionInit;
  readonly #lanes: Readonly<Record<Lane, Channel>>;
  readonly #label: string;
  /** finishing: what is under way arrives, then the acceptor is told. dead: nothing moves any more. */
  #state: 'open' | 'finishing' | 'dead' = 'open';
  #endReason = '';
  #giveUp: Timer | undefined;

  constructor(init: ConnectionInit) {
    this.#init = init;
    this.dialer = { ...init.dialer, informed: false };
    this.acceptor = { ...init.acceptor, informed: false };
    this.#label = `end of ${init.forward.from}>${init.forward.to}`;
    const lane = (name: Lane): Channel =>
      new Channel(this.#components(), { lane: name, queuedBytesMax: init.queuedBytesMax[name] });
    this.#lanes = { data: lane('data'), control: lane('control'), bulk: lane('bulk') };
  }

  uses(machine: string): boolean {
    return this.#init.forward.from === machine || this.#init.forward.to === machine;
  }

  /** Queue a frame. What is sent after the end, before the dialer knows of it, is lost. False: the lane is full. */
  send(lane: Lane, bytes: Uint8Array, start: number, end: number): boolean {
    return this.#state === 'dead' || this.#lanes[lane].send(bytes, start, end);
  }

  /** The dialer closes in good order. */
  close(): void {
    this.dialer.informed = true;
    this.#finish('closed by the peer');
  }

  /** The acceptor closes: what is under way is lost. */
  abandon(reason: string): void {
    this.acceptor.informed = true;
    this.#die();
    this.#inform(this.dialer, this.#init.backward, reason);
  }

  /** Something on the way ends it: what is under way is lost, and both sides notice some time. */
  reset(reason: string): void {
    if (this.#state !== 'dead') this.#init.world.toll.count('connection reset');
    this.#die();
    this.#inform(this.acceptor, this.#init.forward, reason);
    this.#inform(this.dialer, this.#init.backward, reason);
  }

  /** The process at one end is gone. */
  lifeEnded(life: Life, how: Ending): void {
    if (this.dialer.party.life === life) this.#dialerGone(how);
    else if (this.acceptor.party.life === life) this.#acceptorGone(how);
  }

  /** A machine is up again and answers packets of connections that it does not know with a reset. */
  machineBack(machine: string): void {
    const { forward, backward } = this.#init;
    if (machine === forward.from && this.dialer.party.life.hasEnded) {
      this.#die();
      this.#inform(this.acceptor, forward, 'connection reset');
    }
    if (machine === forward.to && this.acceptor.party.life.hasEnded) {
      this.#die();
      this.#inform(this.dialer, backward, 'connection reset');
    }
  }

  #dialerGone(how: Ending): void {
    this.dialer.informed = true;
    for (const lane of LANES) this.#lanes[lane].loseTail();
    if (how === 'crash') this.#finish('connection reset');
    else this.#tellAfterSilence(this.acceptor);
  }

  /** Without power nobody answers: frames that arrive stay unacknowledged, and the dialer gives up some time. */
  #acceptorGone(how: Ending): void {
    this.acceptor.informed = true;
    if (how === 'powerCut') return;
    this.#die();
    this.#inform(this.dialer, this.#init.backward, 'connection reset');
  }

  #finish(reason: string): void {
    if (this.#state === 'dead') return;
    this.#state = 'finishing';
    this.#endReason = reason;
    this.#maybeFinished();
  }

  #maybeFinished(): void {
    if (this.#state !== 'finishing' || !LANES.every((lane) => this.#lanes[lane].isDrained)) return;
    this.#die();
    this.#inform(this.acceptor, this.#init.forward, this.#endReason);
  }

  #die(): void {
    this.#state = 'dead';
    this.#giveUp?.cancel();
    for (const lane of LANES) this.#lanes[lane].close();
  }

  /** Let a side learn of the end over this link, once that carries anything. */
  #inform(side: Side, link: Link, reason: string): void {
    link.whenWhole(() => {
      const delayMs = link.drawDelayMs() + link.prng.below(RESET_MS_MAX);
      this.#tell(side, delayMs, reason);
    });
  }

  #tellAfterSilence(side: Side): void {
    this.#tell(side, this.#drawGiveUpMs(), 'timed out');
  }

  #tell(side: Side, delayMs: number, reason: string): void {
    const tell = (): void => {
      if (side.informed) return;
      side.informed = true;
      side.party.connectionEnded(this, reason);
      this.#maybeForget();
    };
    this.#init.world.schedule(delayMs, tell, this.#label, side.party.life);
    this.#maybeForget();
  }

  #maybeForget(): void {
    if (this.dialer.informed && this.acceptor.informed) this.#init.onForgotten(this);
  }

  #components(): ChannelComponents {
    const { world, forward, backward, timings } = this.#init;
    const { party } = this.acceptor;
    const peer = this.dialer.hello;
    return {
      world,
      forward,
      backward,
      sender: this.dialer.party.life,
      receiver: {
        life: party.life,
        receive: (lane, bytes, start, end) => party.receive(peer, lane, bytes, start, end),
      },
      onStuck: () => {
        this.#giveUp ??= world.schedule(this.#drawGiveUpMs(), this.#maybeGiveUp, this.#label);
      },
      survivesCut: () => {
        if (!forward.prng.chance(timings.resetAfterCut)) return true;
        this.reset('connection reset');
        return false;
      },
      onDrained: () => this.#maybeFinished(),
    };
  }

  readonly #maybeGiveUp = (): void => {
    this.#giveUp = undefined;
    if (this.#state === 'dead' || !LANES.some((lane) => this.#lanes[lane].isStuck)) return;
    this.#init.world.toll.count('connection given up');
    this.#die();
    this.#tell(this.dialer, 0, 'timed out');
    this.#tellAfterSilence(this.acceptor);
  };

  #drawGiveUpMs(): number {
    return this.#init.forward.prng.between(...this.#init.timings.giveUpMs);
  }
}
