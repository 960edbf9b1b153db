import { latin1Decode, latin1Encode } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { coordinatorOn } from '../../test/kv/manual-port.ts';
import { VnodePort } from '../../test/kv/vnode-port.ts';
import type { Change } from '../entry/change.ts';
import { QuorumStore } from './kv-store.ts';

function stage(owners = 'abcabcab') {
  const port = new VnodePort(owners);
  const kv = new QuorumStore(coordinatorOn(port));
  const told: string[] = [];
  const failed = {
    onFailure: ({ code, message, definite }: { code: string; message: string; definite: boolean }) =>
      told.push(`${code}${definite ? ', definite' : ''}: ${message}`),
  };
  const put = (key: string, value: string): void =>
    kv.put(key, latin1Encode(value), undefined, {
      onWritten: (existed) => told.push(existed ? 'replaced' : 'written'),
      ...failed,
    });
  const remove = (key: string): void =>
    kv.delete(key, undefined, {
      onWritten: (existed) => told.push(existed ? 'deleted' : 'was not there'),
      ...failed,
    });
  const get = (key: string): void =>
    kv.get(key, undefined, {
      onValue: (bytes, start, end) => told.push(`value ${latin1Decode(bytes, start, end)}`),
      onMissing: () => told.push('missing'),
      ...failed,
    });
  const change = (key: string, wanted: Change): void =>
    kv.change(key, wanted, undefined, { onChanged: () => told.push('changed'), ...failed });
  return { port, told, put, remove, get, change };
}

describe('the store', () => {
  it('keeps what is put, until it is put anew or deleted', () => {
    const { told, put, remove, get } = stage();
    get('k');
    put('k', 'one');
    get('k');
    put('k', 'two');
    get('k');
    remove('k');
    get('k');
    remove('k');
    expect(told).toEqual([
      'missing',
      'written',
      'value one',
      'replaced',
      'value two',
      'deleted',
      'missing',
      'was not there',
    ]);
  });

  it('refuses at once, and does nothing, while this node has too many requests open', () => {
    const { port, told, put, remove, get } = stage();
    put('k', 'one');
    const { handled } = port;
    port.full = true;
    put('k', 'two');
    remove('k');
    get('k');
    const refused =
      'overload, definite: this node has as many requests under way as it takes, try again later; nothing was done';
    expect(told.slice(1)).toEqual([refused, refused, refused]);
    expect(port.handled).toBe(handled);
    port.full = false;
    get('k');
    expect(told.at(-1)).toBe('value one');
  });

  it.each([
    ['the empty key and the empty value', '', ''],
    ['all bytes', '\x00\xff\r\n', '\xff\x00\r\n'],
    ['a long key', 'k'.repeat(10_000), 'v'],
  ])('takes %s', (_, key, value) => {
    const { told, put, get } = stage();
    put(key, value);
    get(key);
    expect(told).toEqual(['written', `value ${value}`]);
  });

  it('keeps a value when the buffer that it came in is used again', () => {
    const { port, told, get } = stage();
    const buffer = latin1Encode('value');
    new QuorumStore(coordinatorOn(port)).put('k', buffer, undefined, { onWritten() {}, onFailure() {} });
    buffer.fill(0);
    get('k');
    expect(told).toEqual(['value value']);
  });

  it('refuses what is too large, by name', () => {
    const { told, put, remove } = stage();
    put('k', 'v'.repeat(1_001));
    put('k'.repeat(1024 * 1024 + 1), 'v');
    remove('k'.repeat(1024 * 1024 + 1));
    expect(told).toEqual([
      'too_large, definite: the value has 1001 bytes, and this node takes at most 1000',
      'too_large, definite: the key has 1048577 bytes, and this node takes at most 1048576',
      'too_large, definite: the key has 1048577 bytes, and this node takes at most 1048576',
    ]);
  });

  it('refuses a value and what it is compared with that are too large together: they go in one frame', () => {
    const { told, change } = stage();
    const half = latin1Encode('v'.repeat(501));
    const when = { kind: 'equals' as const, value: half };
    change('k', { kind: 'set', value: half, when, until: 0, returns: false });
    expect(told).toEqual(['too_large, definite: the value has 1002 bytes, and this node takes at most 1000']);
  });

  it('leaves no request open behind it', () => {
    const { port, put, get, remove } = stage();
    put('k', 'v');
    get('k');
    remove('k');
    expect(port.table.open).toBe(0);
  });
});
