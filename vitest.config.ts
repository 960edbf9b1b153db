import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Packages find each other's sources, not what was built of them: decision 0001.
  resolve: { conditions: ['rkv-source'] },
  ssr: { resolve: { conditions: ['rkv-source', 'node', 'import', 'module', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Left alone, it keeps one processor for itself: with two of them that is half.
    maxWorkers: '100%',
    // Below this a test's time is not worth a line.
    slowTestThreshold: 5_000,
  },
});
