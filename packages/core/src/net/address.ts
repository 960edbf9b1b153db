/**
 * Addresses as people write them, `host:port`; a colon inside the host needs brackets, `[::1]:8099`.
 */
import { BlockList, isIP } from 'node:net';

/** An address in two parts. */
export interface HostPort {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Undefined when the text is no address that could be dialled. */
export function parseAddress(address: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(address);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (port === 0 || port > 65_535) return undefined;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  return { host, port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine reaches this IP address. A name is no IP address and answers false. */
export function isLoopback(ip: string): boolean {
  const family = isIP(ip);
  // A BlockList knows that ::ffff:127.0.0.1 is 127.0.0.1.
  return family !== 0 && loopback.check(ip, family === 6 ? 'ipv6' : 'ipv4');
}
