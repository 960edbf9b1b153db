/**
 * What the HTTP door answers: one table of paths and methods, each row a few lines over `Admin`.
 *
 * Whatever changes something is no GET. Values travel raw: the body of `/api/put` is the value; `/api/get` gives it
 * as text where it is UTF-8 and in base64 where it is not.
 */
import { isUtf8 } from 'node:buffer';
import * as v from 'valibot';
import { TIMEOUT_MS_MAX } from '../kv/api.ts';
import { AdminError } from './admin-error.ts';
import type { Admin, KvOptions } from './api.ts';
import { describeFrontPage } from './front-page.ts';
import { describeMetrics, METRICS_TYPE } from './metrics.ts';
import { decodeHex, type Query } from './query.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Call {
  readonly query: Query;
  /** The header `x-rkv-trace`. */
  readonly trace?: string | undefined;
  /** The whole body; rejects with `too_large` beyond the door's limit. */
  body(): Promise<Buffer>;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Handler = (call: Call) => Promise<Answer>;
export type Routes = ReadonlyMap<string, Partial<Readonly<Record<Method, Handler>>>>;

export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

/** `node` is this node's name: `/api/status` tells it, so that a caller knows whom it asked. */
export function adminRoutes(admin: Admin, node: string): Routes {
  return new Map<string, Partial<Record<Method, Handler>>>([
    ...pageRoutes(admin, node),
    ...keyRoutes(admin),
    ...clusterRoutes(admin, node),
    ...transferRoutes(admin),
    ...bucketRoutes(admin),
  ]);
}

type Rows = readonly (readonly [path: string, methods: Partial<Record<Method, Handler>>])[];

function pageRoutes(admin: Admin, node: string): Rows {
  return [
    [
      '/',
      { GET: async () => ({ status: 200, type: 'text/html; charset=utf-8', body: describeFrontPage(node) }) },
    ],
    ['/livez', { GET: async () => json({ live: true }) }],
    ['/readyz', { GET: async () => readiness(admin) }],
    [
      '/metrics',
      { GET: async () => ({ status: 200, type: METRICS_TYPE, body: await describeMetrics(admin, node) }) },
    ],
  ];
}

function readiness(admin: Admin): Answer {
  const { ready, reasons } = admin.readiness();
  return json({ ready, reasons }, ready ? 200 : 503);
}

function keyRoutes(admin: Admin): Rows {
  const explain: Handler = async ({ query }) =>
    json(await admin.key(query.key(), query.names('assumeDown'), kvOptions(query)));
  const put: Handler = async ({ query, trace, body }) => {
    const [key, options] = [query.key(), kvOptions(query, trace)];
    return json({ result: 'ok', ...(await admin.put(key, await body(), options)) });
  };
  const del: Handler = async ({ query, trace }) =>
    json({ result: 'ok', ...(await admin.delete(query.key(), kvOptions(query, trace))) });
  return [
    ['/api/ping', { GET: async ({ query }) => json(await admin.ping(query.count('n', 0) ?? 1)) }],
    ['/api/get', { GET: async (call) => json(await getValue(admin, call)) }],
    ['/api/put', { POST: put, PUT: put }],
    ['/api/del', { POST: del, DELETE: del }],
    ['/api/key', { GET: explain }],
    ['/api/explain', { GET: explain }],
  ];
}

async function getValue(admin: Admin, { query, trace }: Call): Promise<object> {
  const { found, value, where } = await admin.get(query.key(), kvOptions(query, trace));
  return {
    found,
    ...(value === undefined ? {} : describeValue(value)),
    ...(where === undefined ? {} : { where }),
  };
}

function describeValue(value: Uint8Array): { value: string } | { valueBase64: string } {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? { value: bytes.toString('utf8') } : { valueBase64: bytes.toString('base64') };
}

function kvOptions(query: Query, traceHeader?: string): KvOptions {
  const options: { -readonly [option in keyof KvOptions]: KvOptions[option] } = {};
  for (const [name, lowest] of [
    ['r', 1],
    ['w', 1],
    ['pr', 0],
    ['pw', 0],
    ['dw', 0],
  ] as const) {
    const count = query.count(name, lowest);
    if (count !== undefined) options[name] = count;
  }
  const timeoutMs = query.count('timeout', 1, TIMEOUT_MS_MAX);
  if (timeoutMs !== undefined) options.timeoutMs = timeoutMs;
  if (query.bytes('notfoundOk') !== undefined) options.notfoundOk = query.flag('notfoundOk');
  const trace = query.text('trace') ?? traceHeader;
  if (trace !== undefined) options.trace = trace;
  if (query.flag('where')) options.where = true;
  return options;
}

const joinBody = v.strictObject({ address: v.pipe(v.string(), v.nonEmpty()) });
const name = v.pipe(v.string(), v.nonEmpty());
const leaveBody = v.strictObject({ name: v.optional(name) });
const resizeBody = v.strictObject({ ringSize: v.pipe(v.number(), v.safeInteger()) });
const nameBody = v.strictObject({ name });
const replaceBody = v.strictObject({ name, by: name });
const downBody = v.strictObject({
  names: v.pipe(v.array(name), v.nonEmpty()),
  force: v.optional(v.boolean()),
});
const applyBody = v.strictObject({
  members: v.pipe(
    v.array(v.strictObject({ name, address: v.optional(name), replaces: v.optional(name) })),
    v.nonEmpty(),
  ),
});
const commitBody = v.strictObject({ planId: v.optional(v.string()) });

function clusterRoutes(admin: Admin, node: string): Rows {
  return [
    ['/api/status', { GET: async () => json({ ...(await admin.status()), node }) }],
    ['/api/doctor', { GET: async () => json({ node, ...(await admin.doctor()) }) }],
    ['/api/ring', { GET: async () => json(await admin.ring()) }],
    [
      '/api/cluster/join',
      { POST: async (call) => json(await admin.join((await fields(call, joinBody)).address)) },
    ],
    ...stagingRoutes(admin),
    [
      '/api/cluster/down',
      {
        POST: async (call) => {
          const { names, force = false } = await fields(call, downBody);
          return json(await admin.down(names, force));
        },
      },
    ],
    [
      '/api/cluster/apply',
      { POST: async (call) => json(await admin.apply((await fields(call, applyBody)).members)) },
    ],
    ['/api/cluster/plan', { POST: async () => json(await admin.plan()) }],
    [
      '/api/cluster/commit',
      { POST: async (call) => json(await admin.commit((await fields(call, commitBody)).planId)) },
    ],
    ['/api/cluster/clear', { POST: async () => admin.clear().then(() => json({ result: 'ok' })) }],
  ];
}

function stagingRoutes(admin: Admin): Rows {
  return [
    [
      '/api/ring/resize',
      {
        POST: async (call) =>
          json(await admin.stage({ kind: 'resize', ringSize: (await fields(call, resizeBody)).ringSize })),
      },
    ],
    ['/api/ring/resize/abort', { POST: async () => json(await admin.abortResize()) }],
    [
      '/api/cluster/leave',
      {
        POST: async (call) =>
          json(await admin.stage({ kind: 'leave', node: (await fields(call, leaveBody)).name })),
      },
    ],
    [
      '/api/cluster/force-remove',
      {
        POST: async (call) =>
          json(await admin.stage({ kind: 'force-remove', node: (await fields(call, nameBody)).name })),
      },
    ],
    ...(['replace', 'force-replace'] as const).map((kind): Rows[number] => [
      `/api/cluster/${kind}`,
      {
        POST: async (call) => {
          const { name: node, by } = await fields(call, replaceBody);
          return json(await admin.stage({ kind, node, by }));
        },
      },
    ]),
  ];
}

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Transfers of a node at one time. */
const atOnce = v.pipe(whole, v.maxValue(1_000));
const nodeField = { node: v.optional(v.string()) };
const oneNodeBody = v.strictObject(nodeField);
const scopeBody = v.strictObject({ partition: v.optional(whole), ...nodeField });
const cancelBody = v.strictObject({ partition: whole, ...nodeField });
const repairBody = v.strictObject({ partition: whole });
const limitBody = v.strictObject({
  out: v.optional(atOnce),
  in: v.optional(atOnce),
  bytesPerSecond: v.optional(v.nullable(v.pipe(whole, v.minValue(1_000)))),
  ...nodeField,
});

function transferRoutes(admin: Admin): Rows {
  const control = (what: 'pause' | 'resume' | 'cancel'): Handler => {
    const schema = what === 'cancel' ? cancelBody : scopeBody;
    return async (call) => json(await admin.controlTransfers(what, await fields(call, schema)));
  };
  const limit: Handler = async (call) => {
    const { node, ...limits } = await fields(call, limitBody);
    return json(await admin.limitTransfers(limits, node));
  };
  const exchange =
    (what: 'pause' | 'resume'): Handler =>
    async (call) =>
      json(await admin.controlExchange(what, (await fields(call, oneNodeBody)).node));
  return [
    ['/api/transfers', { GET: async () => json(await admin.transfers()) }],
    ['/api/transfers/pause', { POST: control('pause') }],
    ['/api/transfers/resume', { POST: control('resume') }],
    ['/api/transfers/cancel', { POST: control('cancel') }],
    [
      '/api/transfers/limit',
      { GET: async () => json(await admin.limitTransfers({}, undefined)), POST: limit },
    ],
    ['/api/exchange', { GET: async () => json(await admin.exchange()) }],
    [
      '/api/scrub',
      {
        GET: async ({ query }) => json(await admin.scrub(query.text('node'), false)),
        POST: async (call) => json(await admin.scrub((await fields(call, oneNodeBody)).node, true)),
      },
    ],
    ['/api/exchange/pause', { POST: exchange('pause') }],
    ['/api/exchange/resume', { POST: exchange('resume') }],
    [
      '/api/repair',
      { POST: async (call) => json(await admin.repair((await fields(call, repairBody)).partition)) },
    ],
  ];
}

const prefixFields = { prefix: v.optional(v.string()), prefixHex: v.optional(v.string()) };
const unsetBody = v.strictObject(prefixFields);
const setBody = v.strictObject({
  ...prefixFields,
  n: v.optional(v.number()),
  level: v.optional(v.picklist(['eventual', 'strict'])),
});

function bucketRoutes(admin: Admin): Rows {
  const set: Handler = async (call) => {
    const { n, level, ...named } = await fields(call, setBody);
    return json(await admin.changeBucket(prefixOf(named), { n, level }));
  };
  const unset: Handler = async (call) =>
    json(await admin.changeBucket(prefixOf(await fields(call, unsetBody)), null));
  return [
    ['/api/buckets', { GET: async () => json({ buckets: await admin.buckets() }) }],
    ['/api/bucket/set', { POST: set }],
    ['/api/bucket/unset', { POST: unset }],
  ];
}

/** The bytes of a prefix, given as text or in hex digits; the empty one is the default bucket's. */
function prefixOf({ prefix, prefixHex }: v.InferOutput<typeof unsetBody>): string {
  if ((prefix === undefined) === (prefixHex === undefined))
    throw new AdminError('bad_request', 'say which prefix: either prefix or prefixHex');
  return prefix === undefined
    ? decodeHex('prefixHex', prefixHex ?? '')
    : Buffer.from(prefix, 'utf8').toString('latin1');
}

/** The JSON body of a request, an empty one being `{}`; `bad_request` when it has not the fields of `schema`. */
async function fields<S extends v.GenericSchema>(call: Call, schema: S): Promise<v.InferOutput<S>> {
  const text = (await call.body()).toString('utf8');
  const parsed = v.safeParse(schema, parseJson(text === '' ? '{}' : text));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new AdminError(
    'bad_request',
    `the body does not fit: ${v.getDotPath(issue) ?? 'body'}: ${issue.message}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AdminError('bad_request', `the body is not JSON: ${(cause as Error).message}`);
  }
}
