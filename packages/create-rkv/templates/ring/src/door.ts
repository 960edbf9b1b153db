/**
 * The HTTP door of a node: what the cluster is asked, and the routes of the service.
 *
 *   GET  /livez  /readyz         for whoever watches over the process
 *   GET  /ring                   members and owners, for people
 *   GET  /status                 the same for scripts
 *   POST /join/HOST:PORT         ask the cluster at that address to let this node in
 *   POST /leave                  hand everything over and go
 *   POST /plan  /commit          what is staged: look at it, then carry it out
 *
 * A route is named by its method and the first part of its path, `GET /kv`; the rest of the path is its argument.
 * It is open to programs on this machine, and not to the pages of a browser.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  describeMembership,
  describeRing,
  isLoopback,
  memberName,
  type Node,
  type RequestResult,
} from '@rkv/core';
import { addressOf } from './node.ts';

/** Text goes out as it is, everything else as JSON. */
export type Route = (argument: string, body: string) => unknown;
export type Routes = Readonly<Record<string, Route>>;

/** What somebody asked makes no sense, or is not there, or was refused. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Door {
  readonly port: number;
  /** Finish what is under way, take nothing new. */
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 1024 * 1024;

export async function openDoor(address: string, node: Node, routes: Routes): Promise<Door> {
  const { host, port } = addressOf(address);
  if (!isLoopback(host)) throw new Error(`the HTTP door asks nobody who they are: ${host} is open to others`);
  const all = { ...clusterRoutes(node), ...routes };
  const server = createServer((request, response) => void serve(all, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function clusterRoutes(node: Node): Routes {
  const ask = (request: Parameters<Node['request']>[0]): Promise<RequestResult> =>
    new Promise<RequestResult>((resolve) => node.request(request, resolve)).then(orRefused);
  return {
    'GET /livez': () => 'ok\n',
    'GET /readyz': () => {
      if (node.troubles.length > 0) throw new Refused(503, node.troubles.join('; '));
      return 'ok\n';
    },
    'GET /status': () => status(node),
    'GET /ring': () => describe(node),
    'POST /join': (peer) =>
      new Promise<RequestResult>((resolve) => node.join(peer, resolve))
        .then(orRefused)
        .then(() => 'staged\n'),
    'POST /leave': () => ask({ kind: 'leave', node: node.id }).then(() => 'staged\n'),
    'POST /plan': async () => {
      const result = await ask({ kind: 'plan' });
      return result.kind === 'planned' ? describePlan(node, result.plan) : result.kind;
    },
    'POST /commit': () => ask({ kind: 'commit', planId: undefined }).then(() => 'committed\n'),
  };
}

function orRefused(result: RequestResult): RequestResult {
  if (result.kind === 'refused') throw new Refused(409, result.message);
  if (result.kind === 'not_claimant') throw new Refused(409, 'another node stages changes now; ask again');
  return result;
}

function status(node: Node): object {
  const { members, owners, pending, epoch } = node.document;
  return {
    members: members.map(({ id, name, status }) => ({ name, status, up: node.isUp(id) })),
    owners: owners.map((owner) => memberName(node.document, owner)),
    pending: pending.length,
    epoch,
    /** Every live member holds this ring. */
    ready: node.prospect === undefined && node.ringReady,
  };
}

function describe(node: Node): string {
  const document = node.prospect ?? node.document;
  const { members, owners, pending } = document;
  const target = [...owners];
  for (const { partition, to } of pending) target[partition] = to;
  const share = (list: readonly string[], id: string): number =>
    (100 * list.filter((owner) => owner === id).length) / list.length;
  const rows = members.map(({ id, name, status }) => ({
    name,
    status,
    ringPercent: share(owners, id),
    pendingPercent: pending.length === 0 ? undefined : share(target, id),
  }));
  const names = owners.map((owner) => memberName(document, owner));
  return `${describeMembership(rows)}\n\n${describeRing(names)}\n`;
}

type Plan = Extract<RequestResult, { kind: 'planned' }>['plan'];

function describePlan(node: Node, { changes, transitions }: Plan): string {
  const document = node.prospect ?? node.document;
  const [{ owners, pairs, warnings }] = transitions;
  const name = (id: (typeof owners)[number]): string => memberName(document, id);
  return [
    ...changes.map((change) => `${change.action} ${'node' in change ? name(change.node) : ''}`.trimEnd()),
    ...pairs.map(({ from, to, count }) => `${count} partitions from ${name(from)} to ${name(to)}`),
    ...warnings.map((warning) => `WARNING: ${warning}`),
    describeRing(owners.map(name)),
    '',
  ].join('\n');
}

async function serve(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (request.headers.origin !== undefined)
      throw new Refused(403, 'this door is not for pages of a browser');
    const { pathname } = new URL(request.url ?? '/', 'http://door');
    const [, name = '', ...rest] = pathname.split('/');
    const route = routes[`${request.method} /${name}`];
    if (route === undefined) throw new Refused(404, `there is no ${request.method} /${name}`);
    const answer = await route(argumentOf(rest.join('/')), await bodyOf(request));
    send(response, 200, answer);
  } catch (error) {
    if (error instanceof Refused) return send(response, error.status, `${error.message}\n`);
    if (isFromTheRing(error)) {
      const { code, definite, needed, got, message } = error;
      return send(response, 503, { error: code, definite, needed, got, message });
    }
    console.error(error);
    send(response, 500, 'something is broken here; the log tells what\n');
  }
}

/** What the ring could not do; `definite` tells whether it surely did nothing. */
interface FromTheRing extends Error {
  readonly code: string;
  readonly definite: boolean;
  readonly needed?: number;
  readonly got?: number;
}

function isFromTheRing(error: unknown): error is FromTheRing {
  return error instanceof Error && 'definite' in error;
}

function argumentOf(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refused(400, 'the path is no URL-encoded text');
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Refused(413, `at most ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, answer: unknown): void {
  const isText = typeof answer === 'string';
  const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
  // One request a connection: none is left open when the node is to end.
  response.writeHead(status, { 'content-type': type, connection: 'close' });
  response.end(isText ? answer : `${JSON.stringify(answer)}\n`);
}
