import { storeSuite } from '@rkv/core/testing';
import { describe, it } from 'vitest';
import { memoryStore } from './memory-store.ts';

storeSuite({ describe, it }, { persistent: false, commitsAtOnce: true }, () => ({
  open: memoryStore,
  settle: () => new Promise((resolve) => setImmediate(resolve)),
}));
