import { describe, expect, it } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from './address.ts';

describe('an address', () => {
  it.each([
    ['127.0.0.1:8099', '127.0.0.1', 8099],
    ['db-1.example.org:1', 'db-1.example.org', 1],
    ['[::1]:8099', '::1', 8099],
    ['[fe80::1]:65535', 'fe80::1', 65535],
  ])('%s is a host and a port, and back', (address, host, port) => {
    expect(parseAddress(address)).toEqual({ host, port });
    expect(formatAddress({ host, port })).toBe(address);
  });

  it.each([
    '',
    'host',
    'host:',
    ':80',
    '::1:80',
    '[::1]',
    '[host]:80',
    'host:0',
    'host:65536',
    'ho st:1',
    'h:1x',
  ])('"%s" is none', (address) => expect(parseAddress(address)).toBeUndefined());
});

describe('loopback', () => {
  it.each(['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1'])('%s is', (ip) =>
    expect(isLoopback(ip)).toBe(true),
  );
  it.each(['0.0.0.0', '10.0.0.1', '::', '::ffff:10.0.0.1', 'fe80::1', 'localhost', ''])('%s is not', (ip) =>
    expect(isLoopback(ip)).toBe(false),
  );
});
