import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Intake } from './intake.ts';

describe('intake', () => {
  /** What arrives through a socket that the intake was given, and whether it moved the connection. */
  async function readThrough(
    prepare: (accepted: Socket) => void,
    allowHalfOpen = true,
  ): Promise<{ moved: boolean; text: string; answer: string }> {
    let text = '';
    let moved = false;
    const server = createServer({ pauseOnConnect: true, allowHalfOpen }, (accepted) => {
      prepare(accepted);
      const socket = new Intake().open(
        accepted,
        (bytes, length) => (text += bytes.toString('latin1', 0, length)),
      );
      moved = socket !== accepted;
      socket.on('end', () => socket.writable && socket.end('bye'));
      socket.resume();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.end('hello');
    let answer = '';
    for await (const chunk of client) answer += String(chunk);
    server.close();
    await once(server, 'close');
    return { moved, text, answer };
  }

  it('reads into its own buffer on this Node.js', async () => {
    expect(await readThrough(() => {})).toEqual({ moved: true, text: 'hello', answer: 'bye' });
  });

  it('reads the ordinary way where that cannot be had', async () => {
    const strange = (accepted: Socket): void => {
      Object.assign((accepted as unknown as { _handle: object })._handle, { useUserBuffer: undefined });
    };
    expect(await readThrough(strange)).toEqual({ moved: false, text: 'hello', answer: 'bye' });
  });

  it('ends a socket with its peer when the server would', async () => {
    expect(await readThrough(() => {}, false)).toMatchObject({ moved: true, text: 'hello' });
  });
});
