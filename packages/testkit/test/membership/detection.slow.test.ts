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
    const hours = JITTERS_MS.map((jitterMs, hour) =>
      LOSSES.map((drop) => {
        const stage = new Stage(preset, hour + 1);
        const { network } = stage.cluster.machines;
        const { delayMs = 0 } = NETWORKS[preset];
        const lossy = { drop, duplicate: 0, reorder: 0 };
        network.setLinks(stage.names, stage.names, { delayMs, jitterMs, lossy });
        return stage.countFalse(HOUR_MS);
      }),
    );
    console.log(
      hours.map((counts, i) => `${preset} jitter ${JITTERS_MS[i]} ms: ${counts.join(' | ')}`).join('\n'),
    );
    // They come by chance: how many there are in an hour is said of the mean of three.
    LOSSES.forEach((drop, i) => {
      const mean = hours.reduce((sum, counts) => sum + (counts[i] as number), 0) / hours.length;
      expect(mean, `${drop} of all heartbeats lost`).toBeLessThanOrEqual(drop > 0.2 ? 6 : 1);
    });
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
