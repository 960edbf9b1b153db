/**
 * The counters over HTTP.
 *
 *   GET /counters/NAME        POST /counters/NAME (the body is what to add; 1 when there is none)
 */
import type { ClientOf } from '@rkv/core';
import type { Counter } from './counter.ts';
import { Refused, type Routes } from './door.ts';

export function routesOf(counters: ClientOf<Counter>): Routes {
  return {
    'GET /counters': async (name) => ({ total: await counters.total(named(name)) }),
    'POST /counters': async (name, body) => ({ total: await counters.add(named(name), numberOf(body)) }),
  };
}

function named(name: string): string {
  if (name === '') throw new Refused(400, 'which counter? Write /counters/NAME');
  return name;
}

function numberOf(body: string): number {
  const by = body.trim() === '' ? 1 : Number(body);
  if (!Number.isSafeInteger(by) || by < 1)
    throw new Refused(400, 'a counter is raised by a whole number from 1 on');
  return by;
}
