/** The drivers in the box, described by data. */
import type { Driver } from '../contracts/driver.ts';
import { httpDriver, type HttpSpec } from './http.ts';
import { redisDriver, type RedisSpec } from './redis.ts';
import { rkvDriver, type RkvSpec } from './rkv.ts';

export type DriverSpec = RkvSpec | RedisSpec | HttpSpec;

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
