/** The app over a node in memory, without a socket. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { open } from '@rkv/store';
import { buildApp } from './app.ts';

const rkv = await open({ ringSize: 16 });
const app = buildApp(rkv);
after(() => app.close());

test('puts, gets and deletes', async () => {
  const missing = await app.inject({ method: 'GET', url: '/kv/bird' });
  assert.equal(missing.statusCode, 404);

  const put = await app.inject({ method: 'PUT', url: '/kv/bird', payload: 'wren' });
  assert.equal(put.statusCode, 204);
  const got = await app.inject({ method: 'GET', url: '/kv/bird' });
  assert.deepEqual([got.statusCode, got.payload], [200, 'wren']);

  assert.equal((await app.inject({ method: 'DELETE', url: '/kv/bird' })).statusCode, 204);
  assert.equal((await app.inject({ method: 'GET', url: '/kv/bird' })).statusCode, 404);
});

test('bytes of any type are taken as they are', async () => {
  const headers = { 'content-type': 'application/json' };
  await app.inject({ method: 'PUT', url: '/kv/odd', payload: '{not json', headers });
  assert.equal((await app.inject({ method: 'GET', url: '/kv/odd' })).payload, '{not json');
});

test('is ready', async () => {
  assert.equal((await app.inject({ method: 'GET', url: '/readyz' })).statusCode, 200);
});
