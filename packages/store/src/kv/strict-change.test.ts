/** One change among three acceptors, with messages that arrive in the order that the test says, or never. */
import { countedList, HybridClock, latin1Decode, latin1Encode, type NodeId } from '@rkv/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { coordinatorOn, ManualPort } from '../../test/kv/manual-port.ts';
import { ballotOf, isNothing, mayAccept, promise } from '../entry/ballot.ts';
import { ALWAYS, type Change, type Condition } from '../entry/change.ts';
import { encodeString, encodeTombstone } from '../entry/codec.ts';
import { merge } from '../entry/merge.ts';
import type { ChangeResult, KvCommand } from './commands.ts';
import { ConfirmedStates } from './confirmed-states.ts';
import { placeKey, type Coordinator } from './coordinator.ts';
import { Deadline } from './deadline.ts';
import { StrictChange } from './strict-change.ts';

const KEY = 'k';
const NAMES = ['A', 'B', 'C'] as const;
type Name = (typeof NAMES)[number];

class Stage {
  readonly held = new Map<Name, Uint8Array>();
  readonly #clock = new HybridClock({ now: () => 1_000, random: () => 7, driftLimitMs: 1e9 });
  readonly #requests = new Map<number, StrictChange>();
  #sent: { readonly id: number; readonly to: Name; readonly command: KvCommand }[] = [];
  #lastId = 0;

  /** Everybody holds it, settled. */
  all(value: string): void {
    for (const name of NAMES) this.held.set(name, encodeString(KEY, stampOf(100), latin1Encode(value)));
  }

  begin(change: Change): { told: () => string; change: StrictChange } {
    let result: ChangeResult | undefined;
    const coordinator = this.#coordinator();
    const strict = new StrictChange({
      coordinator,
      confirmed: new ConfirmedStates(),
      placed: placeKey(KEY),
      change,
      deadline: new Deadline(coordinator.host, 10_000),
      held: () => undefined,
      done: (outcome) => (result = outcome),
    });
    strict.begin();
    return { told: () => describeResult(result), change: strict };
  }

  /** The last of this kind that was sent to these arrives, one after the other, and is answered. */
  deliver(kind: 'prepare' | 'accept', ...to: Name[]): void {
    for (const name of to) {
      const message = this.#sent.findLast((sent) => sent.to === name && sent.command.kind === kind);
      if (message === undefined) throw new Error(`no ${kind} was sent to ${name}`);
      this.#sent = this.#sent.filter((sent) => sent !== message);
      const { id, command } = message;
      this.#requests.get(id)?.onReply(NAMES.indexOf(name), this.#answer(name, command) as never, false);
    }
  }

  /** What is under way is taken aside, to arrive later or never. */
  holdBack(): (kind: 'prepare' | 'accept', to: Name) => void {
    const late = this.#sent;
    this.#sent = [];
    return (kind, to) => {
      this.#sent.push(...late.filter((message) => message.to === to));
      this.deliver(kind, to);
    };
  }

  /** Another proposer is promised the next ballot by these, and is not heard of again. */
  promiseAnother(...names: Name[]): void {
    const ballot = new Uint8Array(16);
    this.#clock.write(ballot, 0);
    for (const name of names) this.held.set(name, promise(KEY, this.held.get(name), ballot) as Uint8Array);
  }

  /** Exchange brings what one holds to another. */
  exchange(from: Name, to: Name): void {
    const item = this.held.get(from) as Uint8Array;
    this.held.set(to, merge(KEY, this.held.get(to), item));
  }

  #answer(name: Name, command: KvCommand): unknown {
    const held = this.held.get(name);
    if (command.kind === 'prepare') {
      const promised = promise(KEY, held, command.ballot);
      if (promised === undefined)
        return { kind: 'promised', granted: false, ballot: ballotOf(held), whole: true };
      this.held.set(name, promised);
      const entry = isNothing(promised) ? undefined : promised;
      return { kind: 'promised', granted: true, ballot: command.ballot, entry, whole: true };
    }
    if (command.kind !== 'accept') throw new Error(`${command.kind} was not expected`);
    const accepted = mayAccept(held, command.entry);
    if (accepted) this.held.set(name, merge(KEY, held, command.entry));
    return { kind: 'accepted', accepted, ballot: ballotOf(held) };
  }

  #coordinator(): Coordinator {
    const replicas = NAMES.map((node, partition) => ({ node, partition, role: 'primary', ringSize: 8 }));
    const list = countedList(replicas as never, 3, 3, 'X' as NodeId);
    const port = {
      self: 'X',
      epoch: 1,
      document: { ringSize: 8, buckets: [{ prefix: '', n: 3, level: 'strict' }], members: [] },
      list: () => list,
      open: (request: StrictChange) => (this.#requests.set(++this.#lastId, request), this.#lastId),
      close: (id: number) => this.#requests.delete(id),
      alarm: () => {},
      send: (id: number, at: number, _replica: unknown, command: KvCommand) =>
        this.#sent.push({ id, to: NAMES[at] as Name, command }),
    };
    const defaults = { valueBytesMax: 1e6, timeoutMs: 1_000 };
    const host = { monotonic: () => 0, random: () => 7 };
    return { host, clock: this.#clock, clusterTime: () => 1_000, defaults, port } as unknown as Coordinator;
  }
}

function stampOf(ms: number): Uint8Array {
  const stamp = new Uint8Array(16);
  new DataView(stamp.buffer).setUint32(2, ms);
  return stamp;
}

function describeResult(result: ChangeResult | undefined): string {
  if (result === undefined) return 'nothing';
  if (result.kind === 'failure') return `${result.failure.code}, definite: ${result.failure.definite}`;
  const { applied, value } = result.answer;
  return `${applied ? 'applied' : 'not applied'}${value === undefined ? '' : ` ${latin1Decode(value)}`}`;
}

function set(value: string, when: Condition = ALWAYS): Change {
  return { kind: 'set', value: latin1Encode(value), when, until: 0, returns: true };
}

const ABSENT: Condition = { kind: 'absent' };
let stage: Stage;
beforeEach(() => (stage = new Stage()));

describe('a change of a strict key', () => {
  it('is promised a ballot by a majority, and accepted under it', () => {
    stage.all('x');
    const { told } = stage.begin(set('y'));
    stage.deliver('prepare', 'A', 'B');
    stage.deliver('accept', 'B');
    expect(told()).toBe('nothing');
    stage.deliver('accept', 'C');
    expect(told()).toBe('applied x');
  });

  it('that loses a round finds its own stamp, and finishes it', () => {
    const { told, change } = stage.begin(set('y', ABSENT));
    stage.deliver('prepare', 'A', 'B');
    stage.deliver('accept', 'A');
    stage.promiseAnother('B', 'C');
    stage.deliver('accept', 'B', 'C');
    change.onAlarm();
    stage.deliver('prepare', 'A', 'B');
    stage.deliver('accept', 'A', 'B');
    expect(told()).toBe('applied');
  });

  it('that finds somebody else on top of where it was does not know', () => {
    const { told, change } = stage.begin(set('y'));
    stage.deliver('prepare', 'A', 'B');
    stage.deliver('accept', 'A');
    stage.promiseAnother('B', 'C');
    stage.deliver('accept', 'B', 'C');
    const other = stage.begin(set('z'));
    stage.deliver('prepare', 'A', 'B');
    stage.deliver('accept', 'A', 'B');
    expect(other.told()).toBe('applied y');
    change.onAlarm();
    stage.deliver('prepare', 'A', 'B');
    expect(told()).toBe('conflict, definite: false');
  });

  it('that was sent once, and then finds nothing to do, rules out that it comes to light after all', () => {
    stage.all('x');
    stage.held.set('A', encodeTombstone(KEY, stampOf(200)));
    const { told, change } = stage.begin(set('y', ABSENT));
    // A shows the tombstone of a proposer that died, so y is sent; only A accepts it.
    stage.deliver('prepare', 'B', 'A');
    stage.deliver('accept', 'A');
    stage.promiseAnother('B', 'C');
    stage.deliver('accept', 'B', 'C');
    change.onAlarm();
    stage.deliver('prepare', 'B', 'C');
    expect(told(), 'before x is accepted anew').toBe('nothing');
    stage.deliver('accept', 'B', 'C');
    expect(told()).toBe('not applied x');
    const read = stage.begin({ kind: 'read' });
    stage.deliver('prepare', 'A', 'B');
    stage.deliver('accept', 'A', 'B');
    expect(read.told()).toBe('applied x');
  });

  it('that finds nothing to do has what it found accepted: exchange may have brought it past a promise', () => {
    const first = stage.begin(set('a', ABSENT));
    stage.deliver('prepare', 'A', 'B');
    stage.deliver('accept', 'A');
    const second = stage.begin(set('b', ABSENT));
    stage.deliver('prepare', 'B', 'C');
    stage.deliver('accept', 'C');
    const later = stage.holdBack();
    stage.exchange('A', 'B');
    const third = stage.begin(set('z', ABSENT));
    stage.deliver('prepare', 'A', 'B');
    expect([first.told(), third.told()]).toEqual(['nothing', 'nothing']);
    stage.deliver('accept', 'A', 'B');
    expect(third.told()).toBe('not applied a');
    // The second comes too late: it is not told that there was nothing before it.
    later('accept', 'A');
    later('accept', 'B');
    second.change.onAlarm();
    stage.deliver('prepare', 'B', 'C');
    expect(second.told()).toBe('conflict, definite: false');
  });
});

it('while its owners refuse as their range moves it asks again, and says busy when its time is up', () => {
  const port = new ManualPort('abcabcab');
  port.setBuckets({ prefix: '', n: 3, level: 'strict' });
  const results: ChangeResult[] = [];
  new StrictChange({
    coordinator: coordinatorOn(port),
    confirmed: new ConfirmedStates(),
    placed: placeKey(KEY),
    change: { kind: 'increment', by: 1n },
    deadline: new Deadline(port.host, 200),
    held: () => undefined,
    done: (outcome) => results.push(outcome),
  }).begin();
  let asked = 0;
  for (let ms = 0; ms < 300 && results.length === 0; ms += 25) {
    for (const sent of port.sent.splice(0)) {
      asked++;
      port.refuse(sent, 'busy');
    }
    port.host.advance(25);
  }
  expect(asked).toBeGreaterThan(6);
  expect(results).toMatchObject([{ kind: 'failure', failure: { code: 'busy', definite: true, needed: 2 } }]);
});
