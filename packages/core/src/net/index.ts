export { formatAddress, isLoopback, parseAddress } from './address.ts';
export type { HostPort } from './address.ts';
export { defaultTcpLimits } from './limits.ts';
export type { TcpLimits } from './limits.ts';
export { TcpTransport } from './tcp-transport.ts';
export type { TcpCounters, TcpTransportInit } from './tcp-transport.ts';
export { TransportError } from './transport-error.ts';
export type { TransportErrorCode } from './transport-error.ts';
