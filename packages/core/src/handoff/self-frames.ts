/** Frames of transfers from a node to itself: no transport carries them, and a repair may want a copy that lies beside it. */
import { Reader, Writer } from '../base/bytes.ts';
import type { Place } from '../contracts/store.ts';
import type { HandoffPort } from './port.ts';

/** The port, with such frames delivered here, never within the call. */
export function withSelf(
  port: HandoffPort,
  deliver: (type: number, service: string, place: Place, body: Reader) => void,
): HandoffPort {
  const send: HandoffPort['send'] = (to, type, service, place, body) => {
    if (to !== port.self) return port.send(to, type, service, place, body);
    const out = new Writer();
    body(out);
    port.host.setTimer(0, () => deliver(type, service, place, new Reader(out.copy())));
    return true;
  };
  return Object.create(port, { send: { value: send } }) as HandoffPort;
}
