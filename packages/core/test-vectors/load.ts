/**
 * Vectors: what the original (riak_core_lite 0.10.1) computes, to compare ours with.
 *
 * Full copies, minified, lie beside this file; where the project stands next to a newer set (`../shared/vectors`), that one counts.
 */
import { existsSync, readFileSync } from 'node:fs';

/** The parsed file `name`.json. */
export function loadVectors<T>(name: 'hash' | 'preflist' | 'claim'): T {
  const shared = new URL(`../../../../shared/vectors/${name}.json`, import.meta.url);
  const own = new URL(`./${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(existsSync(shared) ? shared : own, 'utf8')) as T;
}
