import { describe, expect, it } from 'vitest';
import type { NodeId } from '../contracts/ids.ts';
import { silentLogger } from '../contracts/logger.ts';
import { ClockWatch } from './clock-watch.ts';

class Watched {
  readonly said: string[] = [];
  readonly #watch = new ClockWatch({
    ...silentLogger,
    warn: (_fields, text) => this.said.push(`warning: ${text}`),
    info: (_fields, text) => this.said.push(text),
  });
  #now = 0;

  /** Once a second. */
  pass(seconds: number, offsets: Readonly<Record<string, number | undefined>>): void {
    for (let i = 0; i < seconds; i++)
      this.#watch.look(
        Object.entries(offsets).map(([name, offsetMs]) => ({ id: name as NodeId, name, offsetMs })),
        (this.#now += 1_000),
      );
  }
}

describe('a clock that is wrong', () => {
  it('is named once, and once more when it is right', () => {
    const on = new Watched();
    on.pass(60, { a: 0, b: 12_345, c: -3_600_000 });
    expect(on.said).toEqual([
      'warning: the clock of b is 12 s ahead of that of the cluster',
      'warning: the clock of c is 60 min behind that of the cluster',
    ]);
    on.pass(60, { a: 0, b: 700, c: -3_600_000 });
    expect(on.said).toHaveLength(2);
    on.pass(60, { a: 0, b: 400, c: -3_600_000 });
    expect(on.said.slice(2)).toEqual(['the clock of b is right again']);
  });

  it('is not named for a heartbeat that was late, nor one that is not heard', () => {
    const on = new Watched();
    for (let i = 0; i < 20; i++) {
      on.pass(9, { b: -4_000, c: undefined });
      on.pass(1, { b: 3, c: undefined });
    }
    expect(on.said).toEqual([]);
  });

  it('of two may be either', () => {
    const on = new Watched();
    on.pass(20, { a: 0, b: 5_000 });
    expect(on.said).toEqual(['warning: the clock of b is 5.0 s ahead of the other']);
  });

  it('is not called right again when it is not heard any more', () => {
    const on = new Watched();
    on.pass(20, { b: 2_000 });
    on.pass(20, { b: undefined });
    expect(on.said).toHaveLength(1);
    on.pass(20, { b: 2_000 });
    expect(on.said).toHaveLength(2);
  });

  it('is named again when its member was gone meanwhile', () => {
    const on = new Watched();
    on.pass(20, { b: 2_000 });
    on.pass(1, {});
    on.pass(20, { b: 2_000 });
    expect(on.said).toHaveLength(2);
  });
});
