/** The wheel beside a twin that keeps every alarm in one list and looks through all of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alarm, AlarmWheel } from './alarm-wheel.ts';

class Twin {
  readonly due = new Map<number, number>();

  turn(now: number): number[] {
    const rung = [...this.due].filter(([, due]) => due <= now).map(([id]) => id);
    for (const id of rung) this.due.delete(id);
    return rung;
  }
}

const ALARMS = 12;
const id = fc.nat(ALARMS - 1);
const delay = fc.oneof(fc.nat(60), fc.integer({ min: 2_500, max: 2_600 }), fc.nat(70_000));
const deed = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), id, delay }),
  fc.record({ kind: fc.constant('clear' as const), id }),
  // Also ticks that come far too late, later than the wheel goes round.
  fc.record({ kind: fc.constant('pass' as const), ms: fc.oneof(fc.nat(30), fc.nat(9_000)) }),
);
/** What an alarm does as it rings: it sets another one anew or takes it out. */
const echo = fc.record({ of: id, to: id, delay: fc.option(fc.integer({ min: 1, max: 100 })) });

describe('a wheel of alarms', () => {
  it('rings what a list would ring, in the same look', () => {
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 60 }), fc.option(echo), (deeds, echoed) => {
        const wheel = new AlarmWheel();
        const twin = new Twin();
        const alarms = Array.from({ length: ALARMS }, (_, of) => Object.assign(new Alarm(), { id: of }));
        let now = 12_345.5;
        const set = (of: number, delayMs: number): void => {
          wheel.set(alarms[of] as Alarm, now + delayMs);
          twin.due.set(of, now + delayMs);
        };
        for (const done of deeds) {
          if (done.kind === 'set') set(done.id, done.delay);
          else if (done.kind === 'clear') {
            if (twin.due.delete(done.id)) wheel.clear(alarms[done.id] as Alarm);
          } else {
            now += done.ms;
            const expected = twin.turn(now);
            const rung: number[] = [];
            const after: (() => void)[] = [];
            wheel.turn(now, (alarm) => {
              rung.push(alarm.id);
              if (echoed === null || alarm.id !== echoed.of || alarm.id === echoed.to) return;
              const { to, delay: anew } = echoed;
              // Had it been due in this look, it does not ring in it unless it has.
              if (!rung.includes(to) && expected.includes(to)) expected.splice(expected.indexOf(to), 1);
              if (anew === null) {
                if (alarms[to]?.isSet === true) wheel.clear(alarms[to]);
                after.push(() => twin.due.delete(to));
              } else {
                wheel.set(alarms[to] as Alarm, now + anew);
                after.push(() => twin.due.set(to, now + anew));
              }
            });
            for (const run of after) run();
            expect(rung.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b));
          }
          expect(wheel.size).toBe(twin.due.size);
          expect(alarms.filter(({ isSet }) => isSet).map((alarm) => alarm.id)).toEqual(
            [...twin.due.keys()].toSorted((a, b) => a - b),
          );
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
