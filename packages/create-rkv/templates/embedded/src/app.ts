/**
 * The app: routes over a node of rkv that lives in the same process.
 *
 *   PUT /kv/KEY (the body is the value)     GET /kv/KEY     DELETE /kv/KEY
 *   GET /livez  /readyz                     for whoever watches over the process
 *
 * The app owns the node: when it closes, it finishes what is under way, and then the node does.
 */
import { KvError, type Rkv } from '@rkv/store';
import { fastify, type FastifyInstance } from 'fastify';

interface WithKey {
  Params: { key: string };
}

export function buildApp(rkv: Rkv): FastifyInstance {
  const app = fastify({ logger: { level: 'warn' } });
  app.addHook('onClose', () => rkv.close());

  // A value is bytes, whatever somebody says that they are.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.put<WithKey>('/kv/:key', async ({ params, body }, reply) => {
    await rkv.put(params.key, body instanceof Uint8Array ? body : new Uint8Array(0));
    return reply.code(204).send();
  });

  app.get<WithKey>('/kv/:key', async ({ params }, reply) => {
    const value = await rkv.get(params.key);
    if (value === undefined) return reply.code(404).send({ error: 'not_found' });
    return reply.type('application/octet-stream').send(value);
  });

  app.delete<WithKey>('/kv/:key', async ({ params }, reply) => {
    const existed = await rkv.delete(params.key);
    return reply.code(existed ? 204 : 404).send();
  });

  app.get('/livez', () => 'ok');
  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = rkv.admin.readiness();
    return reply.code(ready ? 200 : 503).send({ ready, reasons });
  });

  // `definite` tells whether a write surely did not happen; if not, it may have, or may yet.
  app.setErrorHandler((error, request, reply) => {
    if (!(error instanceof KvError)) {
      request.log.error(error);
      return reply.send(error);
    }
    const { code, definite, needed, got, message } = error;
    return reply
      .code(code === 'bad_request' ? 400 : 503)
      .send({ error: code, definite, needed, got, message });
  });
  return app;
}
