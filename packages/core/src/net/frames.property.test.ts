import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader, PING_MARK } from './frame-reader.ts';
import { NO_RESERVE, RECORD_RESERVE, RecordOpener, RecordSealer } from './record.ts';
import { ChunkPool, SendQueue } from './send-queue.ts';

const KEY = createSecretKey(Buffer.alloc(32, 7));
const FRAME_BYTES_MAX = 300_000;

/** A frame of some size, or a ping. */
const item = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300) },
  { weight: 2, arbitrary: fc.integer({ min: 65_500, max: 65_560 }) },
  { weight: 1, arbitrary: fc.nat(FRAME_BYTES_MAX) },
  { weight: 1, arbitrary: fc.constant('ping' as const) },
);
const items = fc.array(item, { maxLength: 20 });
const cuts = fc.array(fc.nat(), { maxLength: 30 });

function frameOf(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 17 + seed;
  return bytes;
}

function streamOf(list: readonly (number | 'ping')[], keyed: boolean): Buffer {
  const queue = new SendQueue(new ChunkPool(4), keyed ? RECORD_RESERVE : NO_RESERVE);
  for (const [i, size] of list.entries()) {
    if (size === 'ping') queue.addMark(PING_MARK);
    else queue.add(frameOf(size + 2, i), 1, size + 1);
  }
  const sealer = new RecordSealer(KEY);
  const chunks = queue.take();
  if (keyed) for (const chunk of chunks) sealer.seal(chunk);
  const bytes = Buffer.concat(chunks.map((chunk) => chunk.bytes.subarray(chunk.start, chunk.end)));
  for (const chunk of chunks) queue.release(chunk);
  expect(queue.bytes).toBe(0);
  return bytes;
}

/** The pieces between these places, each in memory of its own that is spoilt once it was read. */
function* piecesOf(bytes: Buffer, at: readonly number[]): Generator<Uint8Array> {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  for (let i = 1; i < places.length; i++) {
    const piece = Uint8Array.from(bytes.subarray(places[i - 1], places[i]));
    yield piece;
    piece.fill(0xee);
  }
}

function readAll(bytes: Buffer, at: readonly number[], keyed: boolean): (Buffer | 'ping')[] {
  const seen: (Buffer | 'ping')[] = [];
  const reader = new FrameReader({
    frameBytesMax: FRAME_BYTES_MAX,
    onFrame: (source, start, end) => {
      // What is kept of a frame holds nothing else of the stream.
      const kept = source.slice(start, end);
      expect(kept.buffer.byteLength).toBe(end - start);
      seen.push(Buffer.from(kept));
    },
    onPing: () => seen.push('ping'),
  });
  const opener = new RecordOpener(KEY, (payload) => reader.feed(payload));
  for (const piece of piecesOf(bytes, at)) {
    expect((keyed ? opener : reader).feed(piece)).toBeUndefined();
  }
  expect(reader.heldBytes).toBeLessThanOrEqual(128 * 1024);
  return seen;
}

/** Much quicker than a matcher that could show the difference of two megabytes. */
function same(a: Buffer | 'ping', b: Buffer | 'ping' | undefined): boolean {
  return a === b || (Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b));
}

describe.each([
  ['a stream of frames', false],
  ['a stream of records', true],
])('%s', (_, keyed) => {
  it('comes out as it went in, wherever it is cut', () => {
    fc.assert(
      fc.property(items, cuts, (list, at) => {
        const expected = list.map((size, i) =>
          size === 'ping' ? size : Buffer.from(frameOf(size + 2, i).subarray(1, size + 1)),
        );
        const seen = readAll(streamOf(list, keyed), at, keyed);
        expect(seen.length).toBe(expected.length);
        expect(seen.every((one, i) => same(one, expected[i]))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

function readerOf(onFrame: (size: number) => void): FrameReader {
  return new FrameReader({
    frameBytesMax: FRAME_BYTES_MAX,
    onFrame: (_bytes, start, end) => onFrame(end - start),
    onPing: () => {},
  });
}

function lengthOf(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value & 0xff);
}

describe('a frame reader', () => {
  it('breaks at a frame that is too long, whether its length comes whole or in parts', () => {
    expect(readerOf(() => {}).feed(lengthOf(FRAME_BYTES_MAX + 1))).toMatch(/more than any may be/);
    const reader = readerOf(() => {});
    const length = lengthOf(PING_MARK - 1);
    expect(reader.feed(length.subarray(0, 3))).toBeUndefined();
    expect(reader.feed(length.subarray(3))).toMatch(/more than any may be/);
  });

  it('holds little more than what has come, whatever length was declared', () => {
    const reader = new FrameReader({ frameBytesMax: 2 ** 30, onFrame: () => {}, onPing: () => {} });
    reader.feed(lengthOf(2 ** 30));
    expect(reader.heldBytes).toBeLessThan(10_000);
    for (let i = 0; i < 100; i++) reader.feed(new Uint8Array(1000));
    expect(reader.heldBytes).toBeLessThan(3 * 100_000);
  });

  it('reads frame after frame into one buffer, and lets a large one go', () => {
    const sizes: number[] = [];
    const reader = readerOf((size) => sizes.push(size));
    const feed = (size: number): void => {
      const frame = Buffer.concat([lengthOf(size), Buffer.alloc(size, 1)]);
      for (let at = 0; at < frame.length; at += 40_000) reader.feed(frame.subarray(at, at + 40_000));
    };
    feed(66_000);
    const held = reader.heldBytes;
    expect(held).toBeGreaterThan(66_000);
    for (const size of [5, 66_000, 65_000]) feed(size);
    expect(reader.heldBytes).toBe(held);
    feed(FRAME_BYTES_MAX);
    expect(reader.heldBytes).toBe(0);
    expect(sizes).toEqual([66_000, 5, 66_000, 65_000, FRAME_BYTES_MAX]);
  });

  it('hands on nothing after stop, not even from the same chunk', () => {
    const seen: number[] = [];
    const reader = readerOf((size) => {
      seen.push(size);
      reader.stop();
    });
    reader.feed(Buffer.concat([lengthOf(1), Buffer.alloc(1), lengthOf(0), lengthOf(9)]));
    reader.feed(Buffer.concat([lengthOf(0), lengthOf(0)]));
    expect(seen).toEqual([1]);
    expect(reader.heldBytes).toBe(0);
  });
});

/** How many frames come out of a stream of records, and why it broke. */
function open(stream: Uint8Array): { frames: number; broken: string | undefined } {
  let frames = 0;
  const count = (): void => void frames++;
  const reader = new FrameReader({ frameBytesMax: FRAME_BYTES_MAX, onFrame: count, onPing: count });
  const broken = new RecordOpener(KEY, (payload) => reader.feed(payload)).feed(stream);
  return { frames, broken };
}

describe('a record', () => {
  it('gives nothing when any one byte was changed', () => {
    const stream = streamOf([40, 3, 'ping'], true);
    expect(open(stream)).toEqual({ frames: 3, broken: undefined });
    for (let i = 0; i < stream.length; i++) {
      const changed = Buffer.from(stream);
      changed[i] = (changed[i] as number) ^ (1 << (i % 8));
      expect(open(changed).frames, `byte ${i}`).toBe(0);
    }
  });

  it('gives nothing when it is cut short, repeated, left out or moved', () => {
    const sealer = new RecordSealer(KEY);
    const records = ['one', 'two', 'three'].map((text) => {
      const queue = new SendQueue(new ChunkPool(0), RECORD_RESERVE);
      queue.add(Buffer.from(text), 0, text.length);
      const [chunk] = queue.take();
      if (chunk === undefined) throw new Error('a queue with a frame has a chunk');
      sealer.seal(chunk);
      return chunk.bytes.subarray(chunk.start, chunk.end);
    });
    const [one, two, three] = records as [Buffer, Buffer, Buffer];
    expect(open(Buffer.concat([one, two, three])).frames).toBe(3);
    expect(open(one.subarray(0, -1))).toEqual({ frames: 0, broken: undefined });
    expect(open(Buffer.concat([one, one]))).toEqual({
      frames: 1,
      broken: expect.stringMatching(/did not make/),
    });
    expect(open(Buffer.concat([one, three])).frames).toBe(1);
    expect(open(two).frames).toBe(0);
    expect(open(Buffer.from([0xff, 0xff, 0xff, 0xff])).broken).toMatch(/impossible/);
    expect(open(Buffer.from([0, 0, 0, 3, 1, 2, 3])).broken).toMatch(/did not make/);
  });
});
