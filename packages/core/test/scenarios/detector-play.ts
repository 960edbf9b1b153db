/** The failure detector on a stage: one node that watches a peer p, and what becomes of p's heartbeats on the way. */
import { Prng } from '../../src/base/prng.ts';
import type { NodeId } from '../../src/contracts/ids.ts';
import { Liveness, type HealthWord, type LivenessChange } from '../../src/membership/liveness.ts';
import { membershipPresets, type MembershipPreset, type PresetName } from '../../src/membership/preset.ts';

const p = 'p' as NodeId;

/** What the peer and the way are like for a while. */
interface Weather {
  readonly silent?: boolean;
  readonly loss?: number;
  readonly jitterMs?: number;
  readonly word?: HealthWord;
  /** The node itself stands still; what comes is read afterwards. */
  readonly stopped?: boolean;
}

export class DetectorPlay {
  #preset: MembershipPreset = membershipPresets.local;
  #liveness = new Liveness(this.#preset);
  #dice = new Prng(1);
  #now = 0;
  #nextBeat = 0;
  #arrivals: { readonly at: number; readonly word: HealthWord }[] = [];
  #trace: string[] = [];

  perform(command: string): readonly string[] {
    this.#trace = [];
    const [verb = '', ...rest] = command.split(' ');
    this.#act(verb, rest);
    return this.#trace.length === 0 ? ['nothing'] : this.#trace;
  }

  #act(verb: string, [a = '', b = '']: readonly string[]): void {
    switch (verb) {
      case 'detector':
        return this.#begin(a as PresetName);
      case 'steady':
        return this.#run(a, {});
      case 'silent':
        return this.#run(a, { silent: true });
      case 'loss':
        return this.#run(b, { loss: Number.parseInt(a, 10) / 100 });
      case 'jitter':
        return this.#run(b, { jitterMs: msOf(a) });
      case 'deaf':
        return this.#run(a, { word: { hears: false } });
      case 'lag':
        return this.#run(b, { word: { hears: true, lagMs: msOf(a) } });
      case 'stopped':
        return this.#run(a, { stopped: true });
      case 'stopped-deaf':
        return this.#run(a, { stopped: true, word: { hears: false } });
      case 'closed':
        return this.#tell(this.#liveness.connectionLost(p, this.#now));
      case 'patience':
        this.#trace.push(`${seconds(this.#liveness.patienceMs(p) ?? 0)}`);
        return;
      case 'slow?':
        this.#trace.push(this.#liveness.isSlow(p) ? 'slow' : 'well');
        return;
      case 'lag?':
        this.#trace.push(`${this.#liveness.lagMs} ms`);
        return;
      default:
        throw new Error(`no such command: ${verb}`);
    }
  }

  #begin(name: PresetName): void {
    this.#preset = membershipPresets[name];
    this.#liveness = new Liveness(this.#preset);
    this.#liveness.watch(new Set([p]));
    this.#dice = new Prng(1);
    this.#now = 0;
    this.#nextBeat = 0;
    this.#arrivals = [];
  }

  #run(duration: string, weather: Weather): void {
    const end = this.#now + msOf(duration);
    while (this.#now < end) {
      this.#now += this.#preset.tickIntervalMs;
      this.#beat(weather);
      if (weather.stopped === true && this.#now < end) continue;
      // Timers ring before sockets are read: whoever stood still sees the silence before the words.
      if (weather.stopped === true) this.#tell(this.#liveness.tick(this.#now));
      this.#live();
    }
  }

  #beat({ silent = false, loss = 0, jitterMs = 0, word = { hears: true } }: Weather): void {
    if (this.#now < this.#nextBeat) return;
    this.#nextBeat = this.#now + this.#preset.heartbeatIntervalMs;
    if (silent || this.#dice.chance(loss)) return;
    const late = jitterMs === 0 ? 0 : this.#dice.below(jitterMs + 1);
    this.#arrivals.push({ at: this.#now + late, word });
  }

  /** One turn of the node: what has come by now, then the tick. */
  #live(): void {
    const come = this.#arrivals.filter(({ at }) => at <= this.#now);
    this.#arrivals = this.#arrivals.filter(({ at }) => at > this.#now);
    for (const { word } of come) this.#tell(this.#liveness.heard(p, this.#now, word));
    this.#tell(this.#liveness.tick(this.#now));
  }

  #tell(changes: readonly LivenessChange[]): void {
    for (const { node, up } of changes)
      this.#trace.push(`${seconds(this.#now)} ${node} ${up ? 'up' : 'down'}`);
  }
}

function msOf(text: string): number {
  const amount = Number.parseFloat(text);
  if (text.endsWith('ms')) return amount;
  return amount * (text.endsWith('h') ? 3_600_000 : text.endsWith('m') ? 60_000 : 1_000);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
