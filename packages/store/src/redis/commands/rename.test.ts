/** RENAME and RENAMENX while others write the same two keys: their steps are let go one by one. */
import { expect, it } from 'vitest';
import type { ReplyTo } from './command.ts';
import { MapStore } from '../testing/map-store.ts';
import { ReplyWriter } from '../writer.ts';
import { rename, renamenx } from './rename.ts';

function begin(command: typeof rename) {
  const store = new MapStore({ late: true });
  const told: string[] = [];
  const reply = {
    abandoned: false,
    answer(write: (out: ReplyWriter) => void) {
      const out = new ReplyWriter();
      write(out);
      told.push(Buffer.from(out.view()).toString().trim());
    },
    reject: (error: string) => told.push(error),
    onFailure: ({ code, definite }: { code: string; definite: boolean }) =>
      told.push(`${code}${definite ? ', definite' : ''}`),
  } as unknown as ReplyTo;
  const set = (key: string, value: string): void => void store.values.set(key, Buffer.from(value));
  const step = (): void => store.waiting.shift()?.answer();
  const now = (): string => [...store.values].map(([key, value]) => `${key}=${String(value)}`).join(' ');
  set('from', '1');
  command.begin(store, ['from', 'to'], undefined as never, reply);
  return { store, told, set, step, now };
}

/** Read, written under the new name, and in between the old one was written again: the second turn has read that. */
function beginSecondTurn(command: typeof rename) {
  const play = begin(command);
  play.step();
  play.step();
  play.set('from', '2');
  play.step();
  play.step();
  expect(play.now()).toBe('from=2 to=1');
  return play;
}

it.each([rename, renamenx])('$name takes along what came while it was at it', (command) => {
  const { told, step, now } = beginSecondTurn(command);
  step();
  step();
  expect([told, now()]).toEqual([[command === rename ? '+OK' : ':1'], 'to=2']);
});

it('RENAMENX writes over nothing but what it wrote itself', () => {
  const { store, told, set, step, now } = beginSecondTurn(renamenx);
  set('to', 'of another');
  step();
  expect([told, now(), store.waiting]).toEqual([[':1'], 'from=2 to=of another', []]);
});

it('RENAMENX writes nothing anew where what it wrote was deleted', () => {
  const { store, told, step, now } = beginSecondTurn(renamenx);
  store.values.delete('to');
  step();
  expect([told, now()]).toEqual([[':1'], 'from=2']);
});
