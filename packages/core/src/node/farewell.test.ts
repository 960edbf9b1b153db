/** A node that is about to end: what it waits for, and for how long. */
import { beforeEach, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { sayFarewell } from './farewell.ts';

let host: ManualHost;
let said: string[];
let heard: number;
let open: number;

beforeEach(() => {
  host = new ManualHost();
  said = [];
  heard = 0;
  open = 0;
  sayFarewell(
    {
      host,
      announce: () => said.push('announced'),
      heard: () => heard,
      open: () => open,
      refuse: () => said.push('refuses'),
    },
    () => said.push(`done after ${host.monotonic()} ms`),
  );
});

it('tells the others at once, and ends when nobody has asked for a while', () => {
  expect(said).toEqual(['announced']);
  host.advance(1_000);
  expect(said).toEqual(['announced', 'refuses', 'done after 200 ms']);
});

it('serves those who have not heard of it yet, while they ask', () => {
  for (let i = 0; i < 10; i++) {
    host.advance(100);
    heard++;
  }
  expect(said).toEqual(['announced']);
  host.advance(1_000);
  expect(said.at(-1)).toBe('done after 1225 ms');
});

it('waits for what it owes and is owed, but not for ever', () => {
  open = 1;
  host.advance(4_000);
  expect(said).toEqual(['announced']);
  host.advance(4_000);
  expect(said).toEqual(['announced', 'refuses', 'done after 5000 ms']);
});
