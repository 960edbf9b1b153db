/** The drivers in the box, described by data. */
import type { Driver } from '../contracts/driver.ts';
import { httpDriver, type HttpSpec } from './http.ts';
import { redisDriver, type RedisSpec } from './redis.ts';
import { rkvDriver, type RkvSpec } from './rkv.ts';

/** A driver in the box, by `kind`, with its settings; docs/bench.md has the table. */
export type DriverSpec = RkvSpec | RedisSpec | HttpSpec;

/** The driver that a spec of a file names. It connects to nothing before the first worker's `new`. */
export function driverOf(spec: DriverSpec): Driver {
  switch (spec.kind) {
    case 'rkv':
      return rkvDriver(spec);
    case 'redis':
      return redisDriver(spec);
    case 'http':
      return httpDriver(spec);
  }
}
