/**
 * The service over HTTP.
 *
 *   GET /ping/N        PUT /kv/KEY (the body is the value)        GET /kv/KEY        DELETE /kv/KEY
 */
import { Refused, type Routes } from './door.ts';
import type { Service } from './service.ts';

export function routesOf(service: Service): Routes {
  return {
    'GET /ping': (n) => {
      if (!/^\d{0,9}$/.test(n)) throw new Refused(400, 'a ping carries a number');
      return service.ping(Number(n));
    },
    'PUT /kv': (key, value) => service.put(named(key), value),
    'GET /kv': (key) => service.get(named(key)),
    'DELETE /kv': (key) => service.delete(named(key)),
  };
}

function named(key: string): string {
  if (key === '') throw new Refused(400, 'which key? Write /kv/KEY');
  return key;
}
