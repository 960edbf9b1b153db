/**
 * Where this node sends to: one link per wanted peer, and the dials that do not know yet whom they will reach.
 *
 * A dial becomes the link to whoever answers, unless there is one that is up. Wanted are the peers of the last
 * `setPeers` and those dialled since.
 */
import type { NodeId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { DialResult, Hello, Lane, PeerAddress } from '../contracts/transport.ts';
import { anotherLife } from './arrivals.ts';
import { PeerLink } from './peer-link.ts';
import type { LinkLoss, PeerLinkComponents } from './peer-link.ts';

export interface RoutesInit {
  onUp(peer: Hello): void;
  /** A link was up and is no more, or a peer said that it does not want this node (once per reason). */
  onDown(peer: NodeId, reason: string): void;
}

type DialDone = (result: DialResult) => void;

interface Route {
  readonly link: PeerLink;
  /** Undefined until a dial was answered. */
  id: NodeId | undefined;
  /** Whether to try again after a failure. */
  wanted: boolean;
  /** Who asked for this peer and has not been answered. */
  dials: DialDone[];
  /** What the peer gave as its reason to refuse, the last time. */
  refusal: string | undefined;
}

export class Routes {
  readonly #components: PeerLinkComponents;
  readonly #init: RoutesInit;
  readonly #routes = new Map<NodeId, Route>();
  /** Dials that were not answered yet. */
  readonly #unknown = new Set<Route>();

  constructor(components: PeerLinkComponents, init: RoutesInit) {
    this.#components = components;
    this.#init = init;
  }

  setPeers(self: NodeId, peers: readonly PeerAddress[]): void {
    const wanted = new Map(peers.map((peer) => [peer.id, peer.address]));
    wanted.delete(self);
    for (const [id, route] of this.#routes) if (!wanted.has(id)) this.#unwant(route);
    for (const [id, address] of wanted) this.#want(id, address);
  }

  /** Who is up under this address already is not dialled again: the peer would close the older link for the newer. */
  dial(address: string, purpose: Hello['purpose'], done: DialDone): void {
    const up = [...this.#routes.values()].find(
      ({ link }) => link.address === address && link.up !== undefined,
    )?.link.up;
    if (up !== undefined) return this.#components.host.defer(() => done({ kind: 'connected', peer: up }));
    const underWay = [...this.#routes.values(), ...this.#unknown].find(
      ({ link }) => link.address === address && link.purpose === purpose,
    );
    const route = underWay ?? this.#open(undefined, address, purpose);
    route.dials.push(done);
    if (underWay === undefined) this.#unknown.add(route);
    else underWay.link.hurry();
  }

  send(to: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): boolean {
    const route = this.#routes.get(to);
    return route !== undefined && route.link.send(lane, bytes, start, end);
  }

  limits(): LimitUse[] {
    return [...this.#routes.values()].flatMap(({ link }) => link.limits());
  }

  /** The life of a peer that a link is up to. */
  up(peer: NodeId): Hello | undefined {
    return this.#routes.get(peer)?.link.up;
  }

  /** It is there, and says where: what `setPeers` was told may be out of date. */
  hurry(peer: NodeId, address: string): void {
    const link = this.#routes.get(peer)?.link;
    if (link === undefined) return;
    link.address = address;
    link.hurry();
  }

  /** True when a link was up; `onDown` has then been called. */
  maybeReset(peer: NodeId, reason: string): boolean {
    const link = this.#routes.get(peer)?.link;
    const wasUp = link?.up !== undefined;
    link?.maybeReset(reason);
    return wasUp;
  }

  ping(): void {
    for (const route of this.#routes.values()) route.link.ping();
  }

  /** Dials under way are not answered. */
  close(): void {
    for (const route of [...this.#routes.values(), ...this.#unknown]) route.link.close();
    this.#routes.clear();
    this.#unknown.clear();
  }

  #want(id: NodeId, address: string): void {
    const known = this.#routes.get(id);
    if (known === undefined) {
      this.#routes.set(id, this.#adopt(id, address) ?? this.#open(id, address, 'member'));
    } else {
      known.wanted = true;
      known.link.address = address;
      known.link.purpose = 'member';
    }
  }

  /** A dial under way to this address. Two links to one peer at one moment would take its lanes from each other. */
  #adopt(id: NodeId, address: string): Route | undefined {
    for (const route of this.#unknown) {
      if (route.link.address !== address || route.link.purpose !== 'member') continue;
      this.#unknown.delete(route);
      route.id = id;
      route.wanted = true;
      return route;
    }
    return undefined;
  }

  /** Whoever waits for a dial to it is answered first. */
  #unwant(route: Route): void {
    route.wanted = false;
    if (route.dials.length === 0) this.#discard(route);
  }

  #open(id: NodeId | undefined, address: string, purpose: Hello['purpose']): Route {
    const route: Route = {
      id,
      wanted: id !== undefined,
      dials: [],
      refusal: undefined,
      link: new PeerLink(this.#components, {
        address,
        purpose,
        judge: (peer) => this.#judge(route, peer),
        identify: (peer) => this.#identify(route, peer),
        onUp: (peer) => this.#handleUp(route, peer),
        onLost: (loss) => this.#handleLost(route, loss),
      }),
    };
    return route;
  }

  #discard(route: Route): void {
    route.link.close();
    this.#unknown.delete(route);
    if (route.id !== undefined && this.#routes.get(route.id) === route) this.#routes.delete(route.id);
  }

  #identify(route: Route, peer: Hello): string | undefined {
    const self = this.#components.hello(route.link.purpose);
    if (peer.nodeId === self.nodeId) {
      return peer.start === self.start ? 'that address is this node itself' : anotherLife(peer);
    }
    if (route.id === undefined) this.#becomeKnown(route, peer);
    return this.#objection(route, peer);
  }

  /** Before this node proves anything. Whoever dialled the address wants to know who is there, whoever it is. */
  #judge(route: Route, peer: Hello): string | undefined {
    const known = route.id === undefined ? this.#routes.get(peer.nodeId) : undefined;
    if (known?.link.up?.start === peer.start) {
      // Under another address. To let it know of this connection would cost the one that is up.
      answer(route, { kind: 'connected', peer: known.link.up });
      return `${peer.name} is connected already, under ${known.link.address}`;
    }
    const objection = this.#objection(route, peer);
    if (objection !== undefined && route.dials.length > 0) {
      const anew = this.#open(undefined, route.link.address, route.link.purpose);
      anew.dials = route.dials;
      route.dials = [];
      this.#unknown.add(anew);
    }
    return objection;
  }

  /** Another member that were led to believe that this node dials it anew would give up the connection it has. */
  #objection(route: Route, peer: Hello): string | undefined {
    return route.id === undefined || route.id === peer.nodeId
      ? undefined
      : `${peer.name} (${peer.nodeId}) answers there, not ${route.id}`;
  }

  /** A dial was answered. A link that is up to the same life stays; any other gives way to this one. */
  #becomeKnown(route: Route, peer: Hello): void {
    const known = this.#routes.get(peer.nodeId);
    if (known?.link.up?.start === peer.start) {
      this.#discard(route);
      answer(route, { kind: 'connected', peer: known.link.up });
      return;
    }
    if (known !== undefined) {
      known.link.maybeReset('the peer was restarted');
      this.#discard(known);
      route.wanted = known.wanted;
      route.dials.push(...known.dials);
    }
    this.#unknown.delete(route);
    this.#routes.set(peer.nodeId, route);
    route.id = peer.nodeId;
  }

  #handleUp(route: Route, peer: Hello): void {
    route.refusal = undefined;
    if (route.dials.length > 0) route.wanted = true;
    this.#init.onUp(peer);
    answer(route, { kind: 'connected', peer });
  }

  #handleLost(route: Route, { reason, wasUp, refusedBy }: LinkLoss): void {
    const news = wasUp || (refusedBy !== undefined && reason !== route.refusal);
    route.refusal = refusedBy === undefined ? undefined : reason;
    if (!route.wanted) this.#discard(route);
    if (route.id !== undefined && news) this.#init.onDown(route.id, reason);
    answer(route, { kind: 'failed', reason });
  }
}

function answer(route: Route, result: DialResult): void {
  const dials = route.dials;
  route.dials = [];
  for (const done of dials) done(result);
}
