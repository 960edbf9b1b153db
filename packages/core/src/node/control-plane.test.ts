import { describe, expect, it } from 'vitest';
import { Writer } from '../base/bytes.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { Lane, Transport } from '../contracts/transport.ts';
import { decodeMembershipMessage, type MembershipMessage } from '../membership/messages.ts';
import { HEADER_BYTES } from '../request/message.ts';
import { ControlPlane } from './control-plane.ts';

const node = (name: string): NodeId => name as NodeId;

function setUp() {
  const sent: { readonly to: NodeId; readonly lane: Lane; readonly message: MembershipMessage }[] = [];
  const transport: Transport = {
    start() {},
    setPeers() {},
    dial() {},
    stop() {},
    send(to, lane, bytes, start, end) {
      sent.push({ to, lane, message: decodeMembershipMessage(bytes, start + HEADER_BYTES, end) });
      return true;
    },
  };
  const frames = new ControlPlane({
    name: 'n1',
    transport,
    out: new Writer(64),
    services: [],
    epoch: () => 1 as Epoch,
    onMembership() {},
    onQuestion() {},
    onAnswer() {},
    onTransfer() {},
    onExchange() {},
  });
  return { sent, frames };
}

describe('messages of the membership', () => {
  const first: MembershipMessage = { kind: 'documentRequest', clusterId: 'c' };
  const second: MembershipMessage = { kind: 'documentRequest', clusterId: 'd' };

  it('are what they are, to however many they go and whatever went before', () => {
    const { sent, frames } = setUp();
    for (const message of [first, second, first])
      for (const to of [node('a'), node('b')]) expect(frames.membership(to, message)).toBe(true);
    expect(sent).toEqual(
      [first, second, first].flatMap((message) =>
        [node('a'), node('b')].map((to) => ({ to, lane: 'control', message })),
      ),
    );
  });

  it('are put into bytes once for all', () => {
    const { frames } = setUp();
    let read = 0;
    const counted: MembershipMessage = {
      kind: 'documentRequest',
      get clusterId() {
        read++;
        return 'c';
      },
    };
    for (const to of ['a', 'b', 'c']) frames.membership(node(to), counted);
    expect(read).toBe(1);
  });
});
