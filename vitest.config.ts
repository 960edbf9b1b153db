import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Long ones first: one that begins last has a processor to itself while the other waits for it. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array's
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('.slow.test.ts');
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  // Packages find each other's sources, not what was built of them: decision 0001.
  resolve: { conditions: ['rkv-source'] },
  ssr: { resolve: { conditions: ['rkv-source', 'node', 'import', 'module', 'default'] } },
  test: {
    // A play of the simulation takes as long as the machine is slow: it ends by virtual time, and this only ends what hangs.
    testTimeout: 240_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Left alone, vitest keeps one processor for itself: with two of them that is half.
    maxWorkers: '100%',
    sequence: { sequencer: SlowFirst },
    // Below this a test's time is not worth a line.
    slowTestThreshold: 10_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'test/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          // What is packed, installed and run as its readers do: processes too, but their limits are minutes.
          name: 'packed',
          include: ['test/packed/**/*.test.ts', 'test/tutorial/**/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          // Real nodes in processes of their own: after all others, one file at a time, as they have deadlines to keep.
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts', 'test/disk/**/*.test.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
