/**
 * The way into a cluster, as seen from both doors: a node asks to be let in, or a member invites one that it knows by
 * address only, which then asks as if an operator had told it to.
 *
 * Whoever is asked may not be the claimant; its answer then says who is, and that one is asked. So may the next, when the
 * duty changes hands meanwhile.
 */
import type { NodeId } from '../contracts/ids.ts';
import type { Transport } from '../contracts/transport.ts';
import type { RequestResult } from '../membership/events.ts';
import { refuse, unsure } from '../membership/refusal.ts';
import type { Neighbours } from './neighbours.ts';
import type { Questions } from './questions.ts';
import { describeNoResult, requestResultOf } from './request-shapes.ts';

export interface JoiningParts {
  /** Where others reach this node. */
  readonly address: string;
  readonly transport: Transport;
  readonly neighbours: Neighbours;
  readonly questions: Questions;
  /** Ask this connected node to stage our join. */
  joinVia(peer: NodeId, done: (result: RequestResult) => void): void;
}

type Done = (result: RequestResult) => void;

const HOPS_MAX = 4;
/** The node that is invited asks in its turn, and may be sent on. */
const INVITATION_MS = 30_000;

export class Joining {
  readonly #parts: JoiningParts;

  constructor(parts: JoiningParts) {
    this.#parts = parts;
    parts.questions.answer('invitation', (body, answer) => {
      const { address } = (body ?? {}) as { address?: unknown };
      if (typeof address !== 'string')
        return answer({ kind: 'refused', code: 'bad_request', message: 'an invitation says where to' });
      this.join(address, (result) => answer({ kind: 'answered', body: result }));
    });
  }

  /** Ask the cluster at `address` to let this node in. */
  join(address: string, done: Done, hops = 0): void {
    if (address === this.#parts.address) return done(refuse('self_join', 'a node cannot join itself'));
    this.#reach(address, done, 'joined', (peer, answered) =>
      this.#parts.joinVia(peer, (result) => {
        if (result.kind !== 'not_claimant' || hops >= HOPS_MAX) return answered(result);
        this.join(result.claimant.address, answered, hops + 1);
      }),
    );
  }

  /** Have the node at `address` ask to be let into the cluster of this one. It may refuse, as for any operator. */
  invite(address: string, done: Done): void {
    if (address === this.#parts.address) return done(refuse('self_join', 'a node cannot join itself'));
    this.#reach(address, done, 'invited', (peer, answered) =>
      this.#parts.questions.ask(
        peer,
        'invitation',
        { address: this.#parts.address },
        INVITATION_MS,
        (outcome) => {
          const result = requestResultOf('join', outcome);
          if (result !== undefined) return answered(result);
          answered(unsure('not_reachable', `${address} gave no answer: ${describeNoResult(outcome)}`));
        },
      ),
    );
  }

  /** Until it is over, whoever was dialled may dial back, though no ring names it. */
  #reach(address: string, done: Done, what: string, then: (peer: NodeId, answered: Done) => void): void {
    const { neighbours, transport } = this.#parts;
    neighbours.joinsUnderWay++;
    const answered: Done = (result) => {
      neighbours.joinsUnderWay--;
      done(result);
    };
    transport.dial(address, 'join', (dialled) => {
      if (dialled.kind === 'connected') then(dialled.peer.nodeId, answered);
      else answered(refuse('not_reachable', `${address} cannot be ${what}: ${dialled.reason}`));
    });
  }
}
