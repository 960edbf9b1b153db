/** When a door that ends parts from whom, by how they talk. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LeaveTaking, type Guest } from './leave-taking.ts';

const guests = new Set<TalkingGuest>();
let startedAtMs = 0;

class TalkingGuest implements Guest {
  reads = 0;
  idle = true;
  readonly seen: string[] = [];
  #refused = false;

  /** What it was told, and when first. */
  #note(what: string): void {
    this.seen.push(`${what} after ${Math.round(performance.now() - startedAtMs)} ms`);
  }

  refuse(): void {
    if (!this.#refused) this.#note('refused');
    this.#refused = true;
  }

  part(): void {
    this.#note('parted');
    guests.delete(this);
  }

  closeAfterReplies(): void {
    this.#note('closed');
  }
}

/** Says something every so many milliseconds. */
function talks(everyMs: number, guest = new TalkingGuest()): TalkingGuest {
  guests.add(guest);
  setInterval(() => guest.reads++, everyMs);
  return guest;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate', 'performance'] });
  guests.clear();
});

afterEach(() => {
  vi.useRealTimers();
});

function closed(): void {
  startedAtMs = performance.now();
  new LeaveTaking(guests).begin();
  vi.advanceTimersByTime(2_000);
}

describe('a client is parted from', () => {
  it('soon, when it is silent', () => {
    const guest = talks(60_000);
    closed();
    expect(guest.seen).toEqual(['parted after 20 ms']);
  });

  it('in a pause, when it talks on and on', () => {
    const guest = talks(7);
    closed();
    expect(guest.seen).toHaveLength(1);
    expect(guest.seen[0]).toMatch(/^parted after 10\d ms$/);
  });

  it('after it was told to go, when it makes no pause', () => {
    const guest = talks(1);
    closed();
    expect(guest.seen).toEqual(['refused after 250 ms', 'parted after 450 ms']);
  });

  it('when it is given what it is owed, however long that takes', () => {
    const guest = talks(60_000);
    guest.idle = false;
    setTimeout(() => (guest.idle = true), 150);
    closed();
    expect(guest.seen[0]).toMatch(/^parted after 15\d ms$/);
  });
});

it('who never comes to an end is closed when the replies to what was read are given', () => {
  const guest = talks(60_000);
  guest.idle = false;
  closed();
  expect(guest.seen).toEqual(['refused after 250 ms', 'closed after 600 ms']);
});
