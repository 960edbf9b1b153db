/** `npm run docs:protocol`: brings docs/protocol.md up to what the code says. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PROTOCOL_PAGE, protocolPage } from './protocol.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(at(path), 'utf8');

writeFileSync(at(PROTOCOL_PAGE), await protocolPage(read(PROTOCOL_PAGE), read));
