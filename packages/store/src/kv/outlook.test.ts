/** The outlook is what the requests do: for every case both are asked. This node is a; `k` lies on the first three. */
import { describe, expect, it } from 'vitest';
import { holding, valueAt } from '../../test/kv/entries.ts';
import { coordinatorOn, ManualPort } from '../../test/kv/manual-port.ts';
import { ringFor } from '../../test/kv/ring-for.ts';
import type { RequestOptions } from './api.ts';
import { ConfirmedStates } from './confirmed-states.ts';
import { acceptorsOf, firstPartition, placeKey } from './coordinator.ts';
import { Deadline } from './deadline.ts';
import type { Inspection } from './inspection.ts';
import { readOutlook, writeOutlook } from './outlook.ts';
import { ReadRequest } from './read-request.ts';
import { StrictChange } from './strict-change.ts';
import { WriteRequest } from './write-request.ts';

const entry = valueAt('k', 7, 'v');
const levels: RequestOptions[] = [
  {},
  { r: 1, w: 1 },
  { r: 3, w: 3 },
  { r: 1, pr: 2, w: 1, pw: 2 },
  { r: 2, pr: 3, w: 2, pw: 3 },
  { r: 2, w: 1, dw: 2, notfoundOk: false },
  { r: 4, w: 4 },
];
/** What a replica does: fails, holds it, holds nothing, and each of the latter as a stand-in or partial. */
const moods = ['fails', 'holds', 'empty', 'holds!', 'empty!'] as const;
const rings = ['abcabcab', 'aabaabaa', 'abaabaab', 'aaaaaaaa'];

function outcomesOf(owners: string, mood: readonly (typeof moods)[number][], options: RequestOptions) {
  const port = new ManualPort(ringFor('k', owners));
  const coordinator = coordinatorOn(port);
  let read: boolean | undefined;
  let written: boolean | undefined;
  const answer = (): void => {
    for (let next = 0; next < port.sent.length; next++) {
      const sent = port.sent[next];
      if (sent === undefined) continue;
      const how = mood[sent.at] ?? 'fails';
      const { command } = sent;
      const standIn = how.endsWith('!');
      if (how === 'fails') port.fail(sent);
      else if (command.kind === 'merge')
        port.reply(sent, { kind: 'merged', existed: false, untilMs: 0, later: undefined }, standIn);
      else if (command.kind === 'get')
        port.reply(sent, holding(how.startsWith('holds') ? entry : undefined, command.whole), standIn);
    }
  };
  new ReadRequest(coordinator).begin('k', options, {
    onValue: () => (read = true),
    onMissing: () => (read = true),
    onFailure: () => (read = false),
  });
  answer();
  port.sent.length = 0;
  new WriteRequest(coordinator).put('k', Uint8Array.of(1), options, {
    onWritten: () => (written = true),
    onFailure: () => (written = false),
  });
  answer();
  const list = port.list(firstPartition(coordinator, placeKey('k')), 3);
  const found = list.replicas.map((replica, at): Inspection => {
    const how = mood[at] ?? 'fails';
    if (how === 'fails') return { kind: 'silent', replica, why: '' };
    const bytes = how.startsWith('holds') ? entry.length : 0;
    const head = bytes > 0 ? entry : undefined;
    const reply = {
      kind: 'inspected',
      role: 'primary',
      bytes,
      head,
      damage: undefined,
      inFlight: false,
    } as const;
    return { kind: 'inspected', replica, reply, standIn: how.endsWith('!') };
  });
  const init = { list, level: 'eventual' as const, n: 3, defaults: coordinator.defaults, options, found };
  return {
    did: { read, written },
    foretold: { read: readOutlook(init).possible, written: writeOutlook(init).possible },
  };
}

describe('the outlook', () => {
  it.each(rings.flatMap((owners) => levels.map((options) => ({ owners, options }))))(
    'foretells what the requests do: $owners $options',
    ({ owners, options }) => {
      for (const a of moods)
        for (const b of moods)
          for (const c of moods) {
            const { did, foretold } = outcomesOf(owners, [a, b, c], options);
            expect({ a, b, c, ...foretold }).toEqual({ a, b, c, ...did });
          }
    },
  );
});

/** Of a strict key: what a change comes to, and what is foretold of it when a read or a write asks for one replica, or for all. */
function strictOutcomes(owners: string, mood: readonly (typeof moods)[number][]) {
  const port = new ManualPort(ringFor('k', owners));
  port.setBuckets({ prefix: 'k', n: 3, level: 'strict' });
  const coordinator = coordinatorOn(port);
  const list = acceptorsOf(coordinator, placeKey('k'));
  const did: string[] = [];
  new StrictChange({
    coordinator,
    confirmed: new ConfirmedStates(),
    placed: placeKey('k'),
    change: { kind: 'increment', by: 1n },
    deadline: new Deadline(port.host, 500),
    held: () => undefined,
    done: ({ kind }) => did.push(kind),
  }).begin();
  const ballot = new Uint8Array(16);
  for (let next = 0; next < port.sent.length && did.length === 0; next++) {
    const sent = port.sent[next];
    if (sent === undefined) continue;
    const how = mood[sent.at] ?? 'fails';
    const standIn = how.endsWith('!');
    if (how === 'fails') port.fail(sent);
    else if (sent.command.kind === 'accept')
      port.reply(sent, { kind: 'accepted', accepted: true, ballot }, standIn);
    else
      port.reply(sent, { kind: 'promised', granted: true, ballot, entry: undefined, whole: true }, standIn);
  }
  port.host.advance(600);
  const found = list.replicas.map((replica, at): Inspection => {
    const how = mood[at] ?? 'fails';
    if (how === 'fails') return { kind: 'silent', replica, why: '' };
    const reply = {
      kind: 'inspected',
      role: 'primary',
      bytes: 0,
      head: undefined,
      damage: undefined,
    } as const;
    return { kind: 'inspected', replica, reply: { ...reply, inFlight: false }, standIn: how.endsWith('!') };
  });
  const foretold = [1, 3].flatMap((level) => {
    const options = { r: level, w: level };
    const init = { list, level: 'strict' as const, n: 3, defaults: coordinator.defaults, options, found };
    return [readOutlook(init), writeOutlook(init)];
  });
  return { did: did[0] === 'answer', foretold };
}

it.each([...rings, 'abcdabcd'])(
  'foretells of a strict key what a change does, at any level: %s',
  (owners) => {
    for (const a of moods)
      for (const b of moods)
        for (const c of moods) {
          const { did, foretold } = strictOutcomes(owners, [a, b, c]);
          const possible = foretold.map((outlook) => outlook.possible);
          expect({ a, b, c, possible }).toEqual({ a, b, c, possible: [did, did, did, did] });
          expect(foretold[0]?.quorum.needed).toBe(2);
        }
  },
);
