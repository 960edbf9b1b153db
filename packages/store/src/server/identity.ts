/** Who this node is: an id drawn at its first start and kept in its data directory for ever; never name or address. */
import { jsonDecode, jsonEncode, type Host, type NodeId, type StableStore } from '@rkv/core';

/** The id in the stable store; a new one, saved before it is used, when there is none. */
export async function loadIdentity(stable: StableStore, host: Host): Promise<NodeId> {
  const saved = stable.load('identity');
  if (saved !== undefined) return (jsonDecode(saved) as { id: NodeId }).id;
  const id = Array.from({ length: 4 }, () => host.random().toString(16).padStart(8, '0')).join('') as NodeId;
  await new Promise<void>((resolve, reject) => {
    stable.save('identity', jsonEncode({ id }), (error) =>
      error === undefined ? resolve() : reject(new Error(error)),
    );
  });
  return id;
}
