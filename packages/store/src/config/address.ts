/**
 * A place to listen on or to dial: `host:port`, `[::1]:port`.
 *
 * Loopback is told from the text alone: a name other than `localhost` may point anywhere tomorrow, so it never
 * counts as loopback, whatever it resolves to today.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  /** A name, an IPv4 or an IPv6 address; the latter without its brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** Undefined when the text is no address. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/.exec(text);
  const { v6, name, port } = match?.groups ?? {};
  const host = v6 ?? name;
  if (host === undefined || Number(port) > 65535) return undefined;
  if (v6 !== undefined && !isIPv6(v6)) return undefined;
  return { host, port: Number(port) };
}

export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reached from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** Every interface at once: good to listen on, but nobody can be told to dial it. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host);
}
