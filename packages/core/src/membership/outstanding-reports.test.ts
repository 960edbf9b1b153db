import { describe, expect, it } from 'vitest';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { birthDocument, type PendingTransfer, type RingDocument } from '../ring/document.ts';
import { OutstandingReports } from './outstanding-reports.ts';

const a = 'a' as NodeId;
const b = 'b' as NodeId;
const self = { id: a, name: 'a', address: 'a:1', location: '' };
const alone = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });
const transfer: PendingTransfer = { partition: 3 as PartitionId, from: a, to: b };
const moving: RingDocument = { ...alone, epoch: 2 as Epoch, pending: [transfer] };
const resizing: RingDocument = {
  ...alone,
  resize: { ringSize: 16, owners: new Array<NodeId>(16).fill(a) },
};

function reports(): OutstandingReports {
  return new OutstandingReports({ self, intervalMs: 100 });
}

describe('a complete transfer', () => {
  it('is brought at once, and again each interval until the document shows it', () => {
    const outstanding = reports();
    const report = { kind: 'transferComplete', transfer };
    expect(outstanding.completeTransfer(transfer, moving)).toEqual([report]);
    expect(outstanding.completeTransfer(transfer, moving)).toEqual([]);
    expect(outstanding.due(moving, 1_000)).toEqual([report]);
    expect(outstanding.due(moving, 1_099)).toEqual([]);
    expect(outstanding.due(moving, 1_100)).toEqual([report]);
    outstanding.adopt(alone);
    expect(outstanding.due(alone, 2_000)).toEqual([]);
  });

  it('is not brought any more once it is withdrawn, nor when no document asks for it', () => {
    const outstanding = reports();
    outstanding.completeTransfer(transfer, moving);
    outstanding.withdrawTransfer({ ...transfer });
    expect(outstanding.due(moving, 0)).toEqual([]);
    expect(outstanding.completeTransfer(transfer, alone)).toEqual([]);
  });
});

describe('a ring of another size', () => {
  it('is filled until this node says otherwise, or the resize is over', () => {
    const outstanding = reports();
    const filled = { kind: 'filled', node: a, ringSize: 16, epoch: 1, full: true };
    expect(outstanding.setFilled(true, resizing)).toEqual([filled]);
    expect(outstanding.setFilled(true, resizing)).toEqual([]);
    expect(outstanding.due(resizing, 0)).toEqual([filled]);
    expect(outstanding.setFilled(false, resizing)).toEqual([{ ...filled, full: false }]);
    outstanding.setFilled(true, resizing);
    outstanding.adopt(alone);
    expect(outstanding.due(resizing, 100)).toEqual([]);
  });
});

describe('what a node says of itself', () => {
  it('is told while the document says something else', () => {
    const elsewhere: RingDocument = {
      ...alone,
      members: [{ ...self, address: 'old:1', status: 'down', was: 'valid' }],
    };
    expect(reports().due(elsewhere, 0)).toEqual([
      { kind: 'memberInfo', info: self },
      { kind: 'back', node: a },
    ]);
    expect(reports().due(alone, 0)).toEqual([]);
  });

  it('is that it is drained, only when it is free to go', () => {
    const owners = new Array<NodeId>(8).fill(b);
    const leaving: RingDocument = { ...alone, owners, members: [{ ...self, status: 'leaving' }] };
    expect(reports().drained(leaving)).toEqual([{ kind: 'drained', node: a }]);
    expect(reports().drained({ ...leaving, owners: alone.owners })).toEqual([]);
  });
});
