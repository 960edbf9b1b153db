/**
 * Who this node is: an id drawn at its first start and kept in its data directory for ever; never name or address.
 *
 * An id that cannot be read is not replaced by another: the ring and the data beside it are those of the old one.
 */
import { jsonDecode, jsonEncode, type Host, type NodeId, type StableStore } from '@rkv/core';

/** The message is a sentence for the operator. */
export class IdentityLost extends Error {
  readonly code = 'identity_lost';
}

/** The id in the stable store; a new one, saved before it is used, in a store that holds nothing yet. */
export async function loadIdentity(stable: StableStore, host: Host): Promise<NodeId> {
  const saved = stable.load('identity');
  if (saved !== undefined) return (jsonDecode(saved) as { id: NodeId }).id;
  refuseToForget(stable);
  const id = Array.from({ length: 4 }, () => host.random().toString(16).padStart(8, '0')).join('') as NodeId;
  await new Promise<void>((resolve, reject) => {
    stable.save('identity', jsonEncode({ id }), (error) =>
      error === undefined
        ? resolve()
        : reject(new IdentityLost(`the new identity cannot be saved: ${error}`)),
    );
  });
  return id;
}

function refuseToForget(stable: StableStore): void {
  const damaged = stable.isDamaged?.('identity') === true;
  if (!damaged && stable.load('ring') === undefined && stable.load('life') === undefined) return;
  throw new IdentityLost(
    `the identity of this node is ${damaged ? 'damaged' : 'missing'}. Put the file back into the data directory, or ` +
      'start with an empty one, as a new node under another name.',
  );
}
