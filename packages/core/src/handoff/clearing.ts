/**
 * Vnodes on their way out: empty stand-ins are closed; what is retired is cleared, in steps, once nobody can ask this
 * node for it any more.
 *
 * The source is deleted last: its vnode is retired only when the switch is agreed and everything passed on is
 * acknowledged by a receiver that is durably whole, and cleared only when every live member has seen the epoch.
 */
import type { Timer } from '../contracts/host.ts';
import type { HandoffPort, TransferableVnode } from './port.ts';

/** Between two steps, each of about a millisecond: a store commits meanwhile, and everybody else has a turn. */
const PAUSE_MS = 1;

export class Clearing {
  readonly #port: HandoffPort;
  /** Those that are being cleared; the first has the next step. */
  readonly #clearing = new Set<TransferableVnode>();
  #timer: Timer | undefined;

  constructor(port: HandoffPort) {
    this.#port = port;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#clearing.clear();
  }

  /** `isBusy`: items are on their way into it or out of it. */
  tick(isBusy: (vnode: TransferableVnode) => boolean): void {
    const safeToClear = this.#port.allLiveHave(this.#port.document.epoch);
    for (const vnode of this.#port.all()) {
      if (vnode.standing === 'retired' && safeToClear) this.#clearing.add(vnode);
      if (vnode.standing === 'hint' && vnode.vnode.isEmpty() && !isBusy(vnode)) this.#port.discard(vnode);
    }
    this.#goOn();
  }

  #goOn(): void {
    if (this.#clearing.size > 0) this.#timer ??= this.#port.host.setTimer(PAUSE_MS, () => this.#step());
  }

  #step(): void {
    this.#timer = undefined;
    const [vnode] = this.#clearing;
    if (vnode === undefined) return;
    this.#clearing.delete(vnode);
    // One that was written to again is more than a redundant copy.
    if (vnode.standing === 'retired') {
      if (vnode.vnode.clearSome()) this.#port.discard(vnode);
      else this.#clearing.add(vnode);
    }
    this.#goOn();
  }
}
