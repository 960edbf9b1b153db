/** A key explained by real nodes: one is down, its stand-in has a hint, and later it is there again. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TestNode } from './nodes.ts';
import { withNodes } from './with-nodes.ts';

interface View {
  readonly preflist: readonly { readonly node: string; readonly role: string }[];
  readonly replicas: readonly {
    readonly node: string;
    readonly state: string;
    readonly version?: string;
    readonly hintFor?: string;
    readonly why?: string;
  }[];
  readonly read: { readonly possible: boolean; readonly text: string };
  readonly write: { readonly possible: boolean; readonly text: string };
}

const nodes = withNodes();
let [n1, n2, n3]: TestNode[] = [];
beforeAll(async () => {
  [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
});

describe('rkv key', () => {
  it('explains a read and a write, with all up and with one down', async () => {
    const [at, away] = [n1 as TestNode, n3 as TestNode];
    await at.tell('put', 'k', 'one', '--w', '3', '--dw', '3');
    const before = await at.tell<View>('key', 'k');
    expect(before.read).toMatchObject({ possible: true });
    expect(before.read.text).toContain('they agree on version');
    await away.kill9();
    // The write waits for no suspicion: two of three answer.
    await at.tell('put', 'k', 'two', '--trace', 'explained-1');
    await expect
      .poll(() => at.tell<View>('key', 'k'), { timeout: 30_000, interval: 200 })
      .toMatchObject({
        replicas: expect.arrayContaining([expect.objectContaining({ node: 'n3', why: expect.any(String) })]),
      });
    const during = await at.tell<View>('key', 'k');
    expect(during.read).toMatchObject({ possible: true });
    expect(during.read.text).toMatch(/n3.* does not/);
    const demanding = await at.tell<View>('key', 'k', '--pr', '3', '--pw', '3');
    expect(demanding.read).toMatchObject({ possible: false });
    expect(demanding.write).toMatchObject({ possible: false });
    await expect(at.tell('get', 'k', '--pr', '3')).rejects.toThrow();
  });

  it('and every replica that was asked has logged the trace', () => {
    for (const node of [n1, n2] as TestNode[]) expect(node.log).toContain('explained-1');
  });
});
