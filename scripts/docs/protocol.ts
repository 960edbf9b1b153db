/**
 * The parts of docs/protocol.md that are written from the code: numbers, kinds, layouts and sizes on the wire.
 *
 * A part stands between `<!-- npm run docs:protocol: NAME -->` and `<!-- end -->`; what stands around it is written by hand.
 * A test compares the page with what the code says.
 */
import { format, resolveConfig } from 'prettier';
import { SourceText, type Declared } from './declared.ts';

/** Reads a file of the repository, by its path from the root. */
export type Read = (path: string) => string;

export const PROTOCOL_PAGE = 'docs/protocol.md';

const MESSAGES = 'packages/core/src/request/message.ts';
const HANDSHAKE = 'packages/core/src/net/handshake.ts';
const TRANSPORT = 'packages/core/src/contracts/transport.ts';

/** Each holds what its file says of what travels: the drawing in its header. */
const LAYOUTS: readonly (readonly [title: string, path: string])[] = [
  ['Coverage', 'packages/core/src/request/coverage-wire.ts'],
  ['Handoff', 'packages/core/src/handoff/handoff-wire.ts'],
  ['Exchange', 'packages/core/src/exchange/exchange-wire.ts'],
];

const SIZES: readonly (readonly [path: string, name: string])[] = [
  [MESSAGES, 'HEADER_BYTES'],
  [TRANSPORT, 'FRAME_BYTES_MAX'],
  [TRANSPORT, 'SMALL_FRAME_BYTES'],
  [TRANSPORT, 'SMALL_FRAMES_RESERVE'],
  ['packages/core/src/net/hello.ts', 'HELLO_BYTES_MAX'],
  [MESSAGES, 'REMAINING_MS_MAX'],
];

const VERSIONS: readonly (readonly [what: string, path: string, name: string])[] = [
  ['handshake and records', HANDSHAKE, 'PROTOCOL_VERSION'],
  ['frames', MESSAGES, 'WIRE_VERSION'],
  ['handoff', 'packages/core/src/handoff/handoff-wire.ts', 'HANDOFF_VERSION'],
  ['exchange', 'packages/core/src/exchange/exchange-wire.ts', 'EXCHANGE_VERSION'],
];

/** The page with all its parts as the code says they are. Throws when a part or its place is missing. */
export async function protocolPage(page: string, read: Read): Promise<string> {
  const parts = partsFrom((path) => new SourceText(path, read(path)));
  const missing = new Set(Object.keys(parts));
  const written = page.replace(
    /(<!-- npm run docs:protocol: (\w+) -->\n)[^]*?(<!-- end -->)/g,
    (_whole, opening: string, name: string, end: string) => {
      const part = parts[name];
      if (part === undefined) throw new Error(`${PROTOCOL_PAGE} asks for ${name}, which nobody writes`);
      missing.delete(name);
      return `${opening}\n${part}\n\n${end}`;
    },
  );
  if (missing.size > 0) throw new Error(`${PROTOCOL_PAGE} has no place for ${[...missing].join(', ')}`);
  return format(written, { ...(await resolveConfig(PROTOCOL_PAGE)), parser: 'markdown' });
}

function partsFrom(source: (path: string) => SourceText): Readonly<Record<string, string>> {
  const messages = source(MESSAGES);
  const numbered = ({ value, name, says }: Declared): string[] => [String(value), `\`${name}\``, says];
  const constants = (file: SourceText, ...names: string[]): string[][] =>
    names.map((name) => file.constant(name)).map(({ value, says }) => [String(value), says]);
  const kv = source('packages/store/src/kv/commands.ts');
  return {
    versions: table(
      ['of', 'version', 'in'],
      VERSIONS.map(([what, path, name]) => [
        what,
        String(source(path).constant(name).value),
        code(short(path)),
      ]),
    ),
    handshake: table(
      ['number', 'kind'],
      ['HELLO', 'WELCOME', 'PROOF', 'READY', 'REFUSE'].map((name) => {
        return [String(source(HANDSHAKE).constant(name).value), name];
      }),
    ),
    features: featuresOf(source(TRANSPORT)),
    flags: table(['flag', 'meaning'], constants(messages, 'FLAG_FALLBACK', 'FLAG_PARTIAL', 'FLAG_SECTIONS')),
    sections: table(['section', 'meaning'], constants(messages, 'SECTION_TRACE')),
    messages: table(['number', 'name', 'lane', 'what'], messages.table('MESSAGE').map(messageRow)),
    replies: table(
      ['first byte', 'meaning'],
      constants(messages, 'REPLY_OK', 'REPLY_REFUSED', 'REPLY_FAILED', 'REPLY_CROWDED', 'REPLY_KEPT'),
    ),
    refusals:
      messages
        .list('REFUSALS')
        .map((name, at) => `${at} ${code(name)}`)
        .join(', ') + '.',
    membership: table(
      ['kind', 'fields'],
      source('packages/core/src/membership/messages.ts')
        .kinds('MembershipMessage')
        .map(({ kind, fields }) => [code(kind), fields.map(code).join(', ')]),
    ),
    layouts: LAYOUTS.map(
      ([title, path]) => `**${title}** (${code(short(path))}):\n\n${drawn(source(path))}`,
    ).join('\n\n'),
    commands: `${table(['number', 'name', 'what'], kv.table('KV_COMMAND').map(numbered))}\n\n${drawn(source('packages/store/src/kv/command-wire.ts'))}`,
    changes: drawn(source('packages/store/src/kv/change-wire.ts')),
    sizes: table(
      ['name', 'is', 'what', 'in'],
      SIZES.map(([path, name]) => {
        const { value, says } = source(path).constant(name);
        return [code(name), (value as number).toLocaleString('en'), says, code(short(path))];
      }),
    ),
  };
}

function messageRow({ name, value, says }: Declared): string[] {
  const [, lane, what] = /^(Data|Control|Bulk) lane: (.+)$/.exec(says) ?? [];
  if (lane === undefined || what === undefined) throw new Error(`${MESSAGES}: ${name} does not say its lane`);
  return [String(value), code(name), lane.toLowerCase(), `${what.charAt(0).toUpperCase()}${what.slice(1)}`];
}

function featuresOf(transport: SourceText): string {
  const features = transport.list('FEATURES');
  return features.length === 0
    ? 'This version names no features.'
    : `Features: ${features.map(code).join(', ')}.`;
}

function drawn(source: SourceText): string {
  return `\`\`\`\n${source.drawing()}\n\`\`\``;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** As the page writes paths. */
function short(path: string): string {
  return path.replace(/^packages\/(\w+)\/src\//, '$1/');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
