/**
 * The service over HTTP.
 *
 *   GET /ping/N
 */
import { Refused, type Routes } from './door.ts';
import type { Service } from './service.ts';

export function routesOf(service: Service): Routes {
  return {
    'GET /ping': (n) => {
      if (!/^\d{0,9}$/.test(n)) throw new Refused(400, 'a ping carries a number');
      return service.ping(Number(n));
    },
  };
}
