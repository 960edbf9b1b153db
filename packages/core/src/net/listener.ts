/**
 * The cluster port: opened on an address that is safe to listen on, or refused with a sentence.
 */
import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { formatAddress, isLoopback } from './address.ts';
import type { HostPort } from './address.ts';
import { TransportError } from './transport-error.ts';

export interface ListenInit {
  /** Port 0: any that is free. */
  readonly at: HostPort;
  /** Whether strangers must prove a secret. Without one, only this machine may reach the port. */
  readonly secret: boolean;
  /** Paused: nothing of it has been read. */
  onSocket(socket: Socket): void;
  /** The port is open but a connection could not be taken, for want of file descriptors perhaps. */
  onTrouble(error: Error): void;
}

export interface Listener {
  readonly port: number;
  /** Takes no more connections, at once. */
  close(): void;
}

/** Rejects with a `TransportError`. */
export async function listenAt(init: ListenInit): Promise<Listener> {
  const ip = await resolve(init.at);
  if (!init.secret && !isLoopback(ip)) {
    throw new TransportError(
      'secret_required',
      `${formatAddress(init.at)} can be reached from other machines, and no shared secret is set: ` +
        'set one, or listen on 127.0.0.1',
    );
  }
  const server = createServer({ noDelay: true, pauseOnConnect: true });
  await opened(server, init.at, ip);
  server.on('connection', init.onSocket);
  server.on('error', init.onTrouble);
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

/** The address that is judged is the one that is opened: a name is looked up once. */
async function resolve(at: HostPort): Promise<string> {
  try {
    return (await lookup(at.host)).address;
  } catch (cause) {
    throw new TransportError('listen_failed', `no address is known for ${at.host}`, cause);
  }
}

function opened(server: Server, at: HostPort, ip: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      const sentence = inUse ? 'is in use by another process' : `cannot be opened: ${error.message}`;
      const code = inUse ? 'address_in_use' : 'listen_failed';
      fail(new TransportError(code, `${formatAddress(at)} ${sentence}`, error));
    });
    server.listen({ host: ip, port: at.port }, () => {
      server.removeAllListeners('error');
      done();
    });
  });
}
