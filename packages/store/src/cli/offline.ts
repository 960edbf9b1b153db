/**
 * Questions that need no cluster: where a key would lie on a ring, and what claim would make of one.
 */
import {
  claim,
  hashKey,
  type NodeId,
  partitionOf,
  preferenceList,
  ringBits,
  ringIndexOf,
  sha1Hex,
} from '@rkv/core';
import type { KeyView } from '../admin/api.ts';
import type { RingFile } from './ring-file.ts';
import { Refusal, WrongUsage } from './terminal.ts';

export interface OfflineKeyInit {
  /** latin1 */
  readonly key: string;
  readonly ring: RingFile;
  readonly n: number;
  /** Names of owners to take for down. */
  readonly assumeDown: readonly string[];
}

/** As a node would explain it, but without replicas: there is nobody to ask. */
export function explainOffline({ key, ring, n, assumeDown }: OfflineKeyInit): KeyView {
  const { ringSize, owners } = ring;
  const stranger = assumeDown.find((name) => !owners.includes(name as NodeId));
  if (stranger !== undefined) throw new Refusal('no_such_member', `${stranger} owns nothing in this ring`);
  const hash = new Uint32Array(5);
  hashKey(key, hash);
  const partition = partitionOf(hash[0] ?? 0, ringBits(ringSize));
  const list = preferenceList(partition, n, owners, (node) => !assumeDown.includes(node));
  const keyBuffer = Buffer.from(key, 'latin1');
  return {
    key: keyBuffer.toString('utf8'),
    keyHex: keyBuffer.toString('hex'),
    hash: sha1Hex(hash),
    partition,
    index: String(ringIndexOf(partition, ringSize)),
    preflist: list.map(({ partition: at, node, role }) => ({
      partition: at,
      index: String(ringIndexOf(at, ringSize)),
      node,
      role,
    })),
    replicas: [],
  };
}

export interface OfflineClaimInit {
  readonly ringSize: number;
  /** The names wanted afterwards. */
  readonly members: readonly string[];
  /** The ring to begin with; left out, all of it is the first member's. */
  readonly from: RingFile | undefined;
  readonly locations: ReadonlyMap<string, string> | undefined;
}

export interface OfflineClaim {
  readonly owners: readonly string[];
  /** Partitions by member. */
  readonly counts: Readonly<Record<string, number>>;
  /** Windows of three and of four successive partitions with an owner twice. */
  readonly violations: { readonly n3: number; readonly n4: number };
  readonly moves: number;
  readonly leastMoves: number;
  /** Fewer windows of three with a repeat are possible for this ring size and these members. */
  readonly avoidable: boolean;
}

/** The new owners and how good they are: counts by name, windows with a repeat, moves. */
export function claimOffline({ ringSize, members, from, locations }: OfflineClaimInit): OfflineClaim {
  if (from !== undefined && from.ringSize !== ringSize) {
    throw new WrongUsage(
      `--ring-size is ${ringSize}, and the ring in the file has ${from.ringSize} partitions`,
    );
  }
  const isKnown = (name: string): boolean =>
    members.includes(name) || from?.owners.includes(name as NodeId) === true;
  const stranger = [...(locations?.keys() ?? [])].find((name) => !isKnown(name));
  if (stranger !== undefined)
    throw new WrongUsage(`--locations names ${stranger}, who is not among --members`);
  const wanted = members as readonly NodeId[];
  const before = from?.owners ?? Array.from({ length: ringSize }, () => wanted[0] as NodeId);
  const result = claim({
    owners: before,
    members: wanted,
    ...(locations === undefined ? {} : { locations: locations as ReadonlyMap<NodeId, string> }),
  });
  const { counts, ...certificate } = result.certificate;
  return { owners: result.owners, counts: Object.fromEntries(counts), ...certificate };
}
