/** Files that are open for the length of a call. */
import { closeSync, fsyncSync, openSync } from 'node:fs';

/** To be read. */
export function withOpen<T>(path: string, use: (descriptor: number) => T): T {
  const descriptor = openSync(path, 'r');
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The names of new files are in their directory: a power cut must not lose those either. */
export function syncDirectory(path: string): void {
  withOpen(path, fsyncSync);
}
