import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['rkv-source'] },
  ssr: { resolve: { conditions: ['rkv-source', 'node', 'import', 'module', 'default'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
});
