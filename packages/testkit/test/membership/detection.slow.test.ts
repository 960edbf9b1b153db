/** Two slow tables: false suspicions under loss and jitter, and the times of docs/operations.md, printed. */
import type { PresetName } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { MISHAPS, NETWORKS, Stage } from './detection.ts';

const PRESETS = Object.keys(NETWORKS) as PresetName[];
const HOUR_MS = 3_600_000;
const LOSSES = [0, 0.1, 0.2, 0.3];
const JITTERS_MS = [0, 50, 100];

describe.each(PRESETS)('false suspicions, preset %s', (preset) => {
  it('are rare while nobody is gone', () => {
    const lines = JITTERS_MS.map((jitterMs) => {
      const counts = LOSSES.map((drop) => {
        const stage = new Stage(preset, 1);
        const { network } = stage.cluster.machines;
        const { delayMs = 0 } = NETWORKS[preset];
        const lossy = { drop, duplicate: 0, reorder: 0 };
        network.setLinks(stage.names, stage.names, { delayMs, jitterMs, lossy });
        return stage.countFalse(HOUR_MS);
      });
      expect(Math.max(...counts.slice(0, 3)), 'up to one heartbeat in five lost').toBeLessThanOrEqual(1);
      expect(counts[3], 'three in ten').toBeLessThanOrEqual(6);
      return `${preset} jitter ${jitterMs} ms: ${counts.join(' | ')}`;
    });
    console.log(lines.join('\n'));
  });
});

it('times of detection: there, back, and until all is well again', () => {
  const lines = PRESETS.flatMap((preset) =>
    MISHAPS.map((mishap) => {
      const found = Array.from({ length: 10 }, (_, seed) => new Stage(preset, seed + 1).detect(mishap));
      const range = (times: readonly (number | undefined)[]): string => {
        const known = times.filter((time) => time !== undefined).toSorted((a, b) => a - b);
        const of = (time: number | undefined): string => ((time ?? 0) / 1_000).toFixed(1);
        return known.length === 0 ? '-' : `${of(known[known.length >>> 1])} (${of(known.at(-1))})`;
      };
      const columns = [found.map(({ there }) => there), found.map(({ back }) => back)];
      const again = found.map((detection) => detection.again);
      return [preset, mishap, ...[...columns, again].map(range)].join(' | ');
    }),
  );
  console.log(lines.join('\n'));
});
