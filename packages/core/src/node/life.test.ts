import { describe, expect, it } from 'vitest';
import { jsonEncode, latin1Decode } from '../base/bytes.ts';
import { decodeLife, encodeLife, isProvenIntact, recallLife, type LifeRecord } from './life.ts';

const lived: LifeRecord = { bootId: 'boot-1', durability: 'process', clean: false, proven: true };

describe('the proof that a store is intact', () => {
  it.each<[string, LifeRecord | undefined, string, boolean]>([
    ['a first life has lost nothing', undefined, 'boot-1', true],
    ['a killed process, the machine still up', lived, 'boot-1', true],
    ['the machine went down, with what was in its memory', lived, 'boot-2', false],
    ['it went down after a good end', { ...lived, clean: true }, 'boot-2', true],
    [
      'it went down, but every acknowledgement had been flushed',
      { ...lived, durability: 'power' },
      'boot-2',
      true,
    ],
    ['what was in doubt before stays in doubt', { ...lived, proven: false }, 'boot-1', false],
    [
      'however well that life ended',
      { ...lived, proven: false, clean: true, durability: 'power' },
      'boot-1',
      false,
    ],
  ])('%s', (_, previous, bootId, expected) => expect(isProvenIntact(previous, bootId)).toBe(expected));

  it('goes to bytes and back', () => {
    expect(latin1Decode(encodeLife(lived))).toBe(
      '{"bootId":"boot-1","durability":"process","clean":false,"proven":true}',
    );
    expect(decodeLife(encodeLife(lived))).toEqual(lived);
  });

  it('of which the newest record is damaged is none, though an older one ended clean', () => {
    const ended = encodeLife({ ...lived, clean: true });
    expect(isProvenIntact(recallLife(ended, false), 'boot-2')).toBe(true);
    expect(isProvenIntact(recallLife(ended, true), 'boot-2')).toBe(false);
    expect(isProvenIntact(recallLife(ended, true), 'boot-1')).toBe(false);
    expect(recallLife(undefined, true), 'nor is this the first life').not.toBe(undefined);
    expect(recallLife(undefined, false)).toBe(undefined);
  });

  it.each([[null], [{}], [{ clean: 'yes', proven: 1 }], [[]]])('%j proves nothing', (record) => {
    expect(isProvenIntact(decodeLife(jsonEncode(record)), 'boot-1')).toBe(false);
  });
});
