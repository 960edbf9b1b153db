import { describe, expect, it } from 'vitest';
import { describeMembership, describeRing, type MembershipRow } from './describe.ts';

const row = (name: string, ringPercent: number, more: Partial<MembershipRow> = {}): MembershipRow => ({
  status: 'valid',
  ringPercent,
  pendingPercent: undefined,
  name,
  ...more,
});

describe('describeRing', () => {
  it('draws the ring of the tutorial', () => {
    const owners = [...'abcabcabcabcabca'].map((letter) => `node${letter.charCodeAt(0) - 96}@127.0.0.1`);
    expect(describeRing(owners)).toBe(`\
==================================== Nodes ====================================
Node a: 6 ( 37.5%) node1@127.0.0.1
Node b: 5 ( 31.3%) node2@127.0.0.1
Node c: 5 ( 31.3%) node3@127.0.0.1
==================================== Ring =====================================
abca|bcab|cabc|abca|`);
  });

  it('letters go by name, not by who comes first on the ring', () => {
    expect(describeRing(['z', 'y', 'z', 'y']).split('\n')).toContain('baba|');
  });

  it('a lone owner has it all, and the last group may be short', () => {
    const lines = describeRing(
      Array.from({ length: 8 }, () => 'n1'),
      { targetN: 3 },
    ).split('\n');
    expect(lines[1]).toBe('Node a: 8 (100.0%) n1');
    expect(lines.at(-1)).toBe('aaa|aaa|aa');
  });

  it('more owners than letters get numbers', () => {
    const owners = Array.from({ length: 27 }, (_, i) => `n${String(i + 1).padStart(2, '0')}`);
    const lines = describeRing(owners).split('\n');
    expect(lines[27]).toBe('Node 27: 1 (  3.7%) n27');
    expect(lines.at(-1)).toBe('1 2 3 4|5 6 7 8|9 10 11 12|13 14 15 16|17 18 19 20|21 22 23 24|25 26 27');
  });
});

describe('describeMembership', () => {
  it('draws the table of the tutorial', () => {
    const rows = [row('node1@127.0.0.1', 37.5), row('node2@127.0.0.1', 31.25), row('node3@127.0.0.1', 31.25)];
    expect(describeMembership(rows)).toBe(`\
================================= Membership ==================================
Status     Ring    Pending    Node
-------------------------------------------------------------------------------
valid      37.5%      --      'node1@127.0.0.1'
valid      31.3%      --      'node2@127.0.0.1'
valid      31.3%      --      'node3@127.0.0.1'
-------------------------------------------------------------------------------
Valid:3 / Leaving:0 / Exiting:0 / Joining:0 / Down:0`);
  });

  it('shows what is pending, sorts by status and counts each', () => {
    const rows = [
      row('n1', 100, { pendingPercent: 50 }),
      row('n3', 0, { status: 'leaving', pendingPercent: 0 }),
      row('n2', 0, { status: 'joining', pendingPercent: 50 }),
    ];
    expect(describeMembership(rows).split('\n').slice(3)).toEqual([
      "joining     0.0%     50.0%    'n2'",
      "leaving     0.0%      0.0%    'n3'",
      "valid     100.0%     50.0%    'n1'",
      '-'.repeat(79),
      'Valid:1 / Leaving:1 / Exiting:0 / Joining:1 / Down:0',
    ]);
  });
});
