/** `rkv cluster apply FILE`: it asks again until the members are the wanted ones. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToldNode } from '../../test/cli/told-node.ts';
import { AdminClient } from './admin-client.ts';
import { apply, readWanted } from './apply.ts';

const folder = mkdtempSync(join(tmpdir(), 'rkv-apply-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'members.yaml');
writeFileSync(path, 'members: [n1, {name: n2, address: "127.0.0.1:8199"}]');

let node: ToldNode;
beforeEach(async () => {
  node = new ToldNode();
  await node.open();
});
afterEach(() => node.close());

const refused = (code: string) => ({ error: { code, message: `${code}, for once` } });
const look = (done: boolean, steps: string[], waiting: string[] = []) => ({ done, steps, waiting });

describe('cluster apply', () => {
  it('tells each step, and goes on through what passes by itself', async () => {
    node.answers['POST /api/cluster/apply'] = [
      look(false, ['n3 is invited'], ['n2 to join: nobody is there']),
      refused('no_majority'),
      look(false, ['n3 is invited'], ['n3 to join: no answer']),
      refused('timeout'),
      refused('plan_changed'),
      look(true, ['the plan is committed']),
    ];
    expect(await node.run('cluster', 'apply', path)).toMatchObject({
      code: 0,
      out: 'n3 is invited\nthe plan is committed\nThe members are the wanted ones.\n',
    });
    expect(node.asked).toHaveLength(6);
    expect(JSON.parse(node.asked[0]?.body ?? '')).toEqual({
      members: [{ name: 'n1' }, { name: 'n2', address: '127.0.0.1:8199' }],
    });
  });

  it('ends at once where an operator is wanted', async () => {
    node.answers['POST /api/cluster/apply'] = refused('name_taken');
    expect(await node.run('cluster', 'apply', path)).toMatchObject({
      code: 1,
      err: 'rkv: name_taken: name_taken, for once\n',
    });
  });

  it('says what it waited for when its patience ends', async () => {
    node.answers['POST /api/cluster/apply'] = look(false, [], ['n2 to join: nobody is there']);
    const applied = apply(new AdminClient(node.url), readWanted(path), () => {}, 100);
    await expect(applied).rejects.toThrow(
      /not the wanted ones after 0\.1 s:\n {2}n2 to join: nobody is there/,
    );
  });
});
