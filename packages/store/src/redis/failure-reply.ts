/**
 * What the store could not do, as an error that Redis clients treat rightly.
 *
 * Client libraries branch on the first word, some by sending the command again on their own. So a word that
 * invites a retry is used only when a retry can do no harm - for reads, and for writes that surely did not
 * happen:
 *
 *   CLUSTERDOWN  too few replicas answered or can be reached. Cluster clients wait a little and try again.
 *   TRYAGAIN     this node is full or draining, or the range of a strict key moves. The same.
 *   MISCONF      too few replicas take writes now (full or failing disks). Redis's own word for that, and no
 *                client retries on it; READONLY would make them reconnect in search of a master.
 *   UNCERTAIN    the write may have happened. No client knows the word, which is the point: they hand it to
 *                their caller, who alone can tell whether writing again is safe.
 *   ERR          the value is too large, or more replicas were asked for than there are.
 */
import type { Failure } from '../kv/api.ts';

export function failureReply(failure: Failure, writes: boolean): string {
  const facts = `needed ${failure.needed}, got ${failure.got}${namesOf(failure.from)}`;
  const outcome = writes ? `, definite: ${failure.definite}` : '';
  return `${firstWord(failure, writes)} ${failure.message} (${failure.code}: ${facts}${outcome})`;
}

function firstWord(failure: Failure, writes: boolean): string {
  if (failure.code === 'too_large' || failure.code === 'bad_request') return 'ERR';
  if (writes && !failure.definite) return 'UNCERTAIN';
  switch (failure.code) {
    case 'timeout':
    case 'unreachable':
      return 'CLUSTERDOWN';
    case 'overload':
    case 'stopping':
    case 'busy':
      return 'TRYAGAIN';
    case 'read_only':
      return 'MISCONF';
    // Never definite, so it has its word already.
    case 'conflict':
      return 'UNCERTAIN';
  }
}

function namesOf(nodes: readonly string[]): string {
  return nodes.length === 0 ? '' : ` from ${nodes.join(' ')}`;
}
