import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { latin1Decode, latin1Encode } from '../base/bytes.ts';
import { silentLogger } from '../contracts/logger.ts';
import type { StableName, StableStore } from '../contracts/stable-store.ts';
import { SaveQueue } from './save-queue.ts';

/** A disk that finishes a save, well or badly, when a test says so. */
function stage() {
  const host = new ManualHost();
  const written: string[] = [];
  const under: { name: StableName; done: (error: string | undefined) => void }[] = [];
  const stable: StableStore = {
    load: () => undefined,
    save: (name, bytes, done) => {
      written.push(`${name} ${latin1Decode(bytes)}`);
      under.push({ name, done });
    },
  };
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_fields: object, text: string) => void errors.push(text) };
  const queue = new SaveQueue(() => ({ stable, host, logger }));
  const told: string[] = [];
  const save = (name: StableName, version: string): void =>
    queue.save(name, latin1Encode(version), () => told.push(version));
  const trySave = (name: StableName, version: string): void =>
    queue.save(
      name,
      latin1Encode(version),
      () => told.push(version),
      (error) => told.push(`${version}: ${error}`),
    );
  const finish = (error?: string): void => under.shift()?.done(error);
  return { host, written, save, trySave, finish, told, queue, errors };
}

describe('saves of one name', () => {
  it('follow one another, and of those that waited only the newest is written', () => {
    const { save, finish, written, told } = stage();
    for (const version of ['v1', 'v2', 'v3']) save('ring', version);
    expect(written).toEqual(['ring v1']);
    finish();
    expect(told).toEqual(['v1']);
    expect(written).toEqual(['ring v1', 'ring v3']);
    finish();
    expect(told).toEqual(['v1', 'v2', 'v3']);
  });

  it('are tried again until they succeed, and never go back to an older version', () => {
    const { host, save, finish, written, told } = stage();
    save('ring', 'v1');
    finish('disk full');
    save('ring', 'v2');
    host.advance(500);
    finish('disk full');
    host.advance(500);
    finish();
    expect(written).toEqual(['ring v1', 'ring v2', 'ring v2']);
    expect(told).toEqual(['v1', 'v2']);
  });

  it('are told of the failure when they can do without, and the next one is not held up', () => {
    const { save, trySave, finish, written, told } = stage();
    trySave('plan', 'v1');
    trySave('plan', 'v2');
    finish('disk full');
    expect(told).toEqual(['v1: disk full']);
    finish();
    expect(told).toEqual(['v1: disk full', 'v2']);
    save('plan', 'v3');
    finish();
    expect(written).toEqual(['plan v1', 'plan v2', 'plan v3']);
  });

  it('are a trouble while they fail, told once for each reason', () => {
    const { host, save, finish, queue, errors } = stage();
    save('ring', 'v1');
    for (const error of ['disk full', 'disk full', 'disk broken']) {
      finish(error);
      expect(queue.troubles).toEqual([`the ring cannot be saved: ${error}`]);
      host.advance(500);
    }
    expect(errors).toHaveLength(2);
    finish();
    expect(queue.troubles).toEqual([]);
  });

  it('begin at once again when nothing is under way', () => {
    const { save, finish, written } = stage();
    save('ring', 'v1');
    finish();
    save('ring', 'v2');
    expect(written).toEqual(['ring v1', 'ring v2']);
  });
});

it('names do not wait for each other', () => {
  const { save, written } = stage();
  save('ring', 'v1');
  save('plan', 'p1');
  expect(written).toEqual(['ring v1', 'plan p1']);
});
