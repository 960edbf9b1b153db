/** Bugs planted into vnodes: what they forget at a start, and what they leave in their hash trees. */
import type { HybridClock, VnodeContext } from '@rkv/core';
import { KvVnode, type ChangeDesk } from '@rkv/store';

/** A stand-in that is opened anew, after a restart, keeps nothing of what it held for others. */
export class ForgetfulStandIn extends KvVnode {
  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    super(context, clock, { desk });
    if (context.role() === 'fallback') this.clearSome();
  }
}

/** What has expired or was deleted, and is removed when it is over, stays in the leaf that it was in. */
export class StaleLeafVnode extends KvVnode {
  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    let isNews = false;
    const beforeChange = (): void => {
      isNews = true;
      context.beforeChange();
    };
    super({ ...context, beforeChange }, clock, { desk });
    const { trees } = this;
    const changed = trees.changed.bind(trees);
    trees.changed = (at) => {
      if (isNews || context.role() === 'fallback') changed(at);
      isNews = false;
    };
  }
}
