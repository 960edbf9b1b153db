/** Of a node that has heard of nobody: nothing is swept, nothing reaped. */
import { ZERO_STAMP } from '../src/base/hybrid-clock.ts';
import type { Bounds } from '../src/contracts/vnode.ts';

export const noBounds: Bounds = { lowestClock: () => undefined, floor: ZERO_STAMP, bar: ZERO_STAMP };
