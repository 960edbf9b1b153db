/**
 * Commands, replies and items of keyed services on the wire. Arguments and replies are JSON, values are what the service's
 * codec makes of them.
 *
 * ```
 * command  u8 kind, u32 length + key, then
 *   run    f64 now, u32 length + name, JSON of the arguments
 *   merge  the value to the end
 *   fetch  nothing
 *   query  f64 now, u32 length + name, JSON of the arguments (the key is empty)
 * reply    u8 kind, then
 *   ran    u8 whether it changed, u32 length + JSON of the reply (length 0: undefined), the value to the end
 *   merged nothing
 *   held   u8 whether there is one, the value to the end
 *   rows   JSON to the end
 *   threw  JSON of why, to the end
 * item     u32 hash, u32 hash, u32 length + key, the value to the end
 * cursor   u32 hash, u32 hash
 * ```
 */
import { jsonDecode, jsonEncode, Reader, WireError, Writer } from '../base/bytes.ts';
import type { RecordKey } from '../contracts/store.ts';
import type { ByteReader, ByteWriter, Codec } from '../contracts/vnode.ts';
import type { Position } from '../exchange/stored-trees.ts';
import { hashKey } from '../ring/hash-space.ts';

/** What a keyed vnode is asked. */
export type KeyedCommand =
  /** Do a change here; it is not yet anywhere else. */
  | {
      readonly kind: 'run';
      readonly key: string;
      readonly now: number;
      readonly name: string;
      readonly args: readonly unknown[];
    }
  | { readonly kind: 'merge'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'fetch'; readonly key: string }
  | {
      readonly kind: 'query';
      readonly key: '';
      readonly now: number;
      readonly name: string;
      readonly args: readonly unknown[];
    };

/** What it answers. */
export type KeyedReply =
  /** `value`: what is held after it, when it has changed that. */
  | { readonly kind: 'ran'; readonly reply: unknown; readonly value: Uint8Array | undefined }
  | { readonly kind: 'merged' }
  | { readonly kind: 'held'; readonly value: Uint8Array | undefined }
  | { readonly kind: 'rows'; readonly rows: readonly unknown[] }
  /** The handler of the change did, and nothing was changed. */
  | { readonly kind: 'threw'; readonly why: string };

/** Values, arguments and rows: with a key and a reply of some size they must fit one frame. A longer one is refused. */
export const VALUE_BYTES_MAX = 15 * 1024 * 1024;
/** Keys and replies. */
export const TEXT_BYTES_MAX = 1024 * 1024;

const COMMANDS = ['run', 'merge', 'fetch', 'query'] as const;
const REPLIES = ['ran', 'merged', 'held', 'rows', 'threw'] as const;
const NONE = new Uint8Array(0);

export const keyedCodec: Codec<KeyedCommand, KeyedReply> = {
  encodeCommand(command, out) {
    out.u8(COMMANDS.indexOf(command.kind));
    writeText(out, command.key);
    if (command.kind === 'merge') return out.bytes(command.value);
    if (command.kind === 'fetch') return undefined;
    out.f64(command.now);
    writeText(out, command.name);
    out.bytes(jsonEncode(command.args));
  },

  decodeCommand(input) {
    const kind = kindAt(COMMANDS, input.u8());
    const key = readText(input);
    if (kind === 'merge') return { kind, key, value: input.view(input.left) };
    if (kind === 'fetch') return { kind, key };
    const [now, name] = [input.f64(), readText(input)];
    const args = jsonDecode(input.view(input.left));
    if (!Array.isArray(args)) throw new WireError('arguments are a list');
    return kind === 'run' ? { kind, key, now, name, args } : { kind, key: '', now, name, args };
  },

  encodeReply(reply, out) {
    out.u8(REPLIES.indexOf(reply.kind));
    switch (reply.kind) {
      case 'ran': {
        const json = reply.reply === undefined ? NONE : jsonEncode(reply.reply);
        out.u8(Number(reply.value !== undefined));
        out.u32(json.length);
        out.bytes(json);
        return out.bytes(reply.value ?? NONE);
      }
      case 'held':
        out.u8(Number(reply.value !== undefined));
        return out.bytes(reply.value ?? NONE);
      case 'rows': {
        const json = jsonEncode(reply.rows);
        if (json.length > VALUE_BYTES_MAX) throw new WireError('the rows of one page are too large');
        return out.bytes(json);
      }
      case 'threw':
        return out.bytes(jsonEncode(reply.why));
      case 'merged':
    }
  },

  decodeReply(input) {
    const kind = kindAt(REPLIES, input.u8());
    switch (kind) {
      case 'ran': {
        const hasValue = input.u8() === 1;
        const json = input.view(input.u32());
        const reply = json.length === 0 ? undefined : jsonDecode(json);
        const value = input.view(input.left);
        return { kind, reply, value: hasValue ? value : undefined };
      }
      case 'held': {
        const hasValue = input.u8() === 1;
        const value = input.view(input.left);
        return { kind, value: hasValue ? value : undefined };
      }
      case 'rows': {
        const rows = jsonDecode(input.view(input.left));
        if (!Array.isArray(rows)) throw new WireError('rows are a list');
        return { kind, rows };
      }
      case 'threw':
        return { kind, why: String(jsonDecode(input.view(input.left))) };
      case 'merged':
        return { kind };
    }
  },
};

export function encodeItem({ hashHi, hashLo, key }: RecordKey, value: Uint8Array): Uint8Array {
  const out = new Writer(12 + key.length + value.length);
  out.u32(hashHi);
  out.u32(hashLo);
  out.string(key);
  out.bytes(value);
  return out.copy();
}

/** The value is a view of the item. */
export function decodeItem(item: Uint8Array): { readonly at: RecordKey; readonly value: Uint8Array } {
  const input = new Reader(item);
  const at = { hashHi: input.u32(), hashLo: input.u32(), key: input.string() };
  return { at, value: input.rest() };
}

export function encodeCursor([hashHi, hashLo]: Position): Uint8Array {
  const out = new Writer(8);
  out.u32(hashHi);
  out.u32(hashLo);
  return out.copy();
}

export function decodeCursor(cursor: Uint8Array): Position {
  const input = new Reader(cursor);
  return [input.u32(), input.u32()];
}

/** What the other side of a wire would have of it. Throws where that is nothing, or too much. */
export function throughJson(value: unknown, bytesMax: number, what: string): unknown {
  const json = jsonEncode(value);
  if (json.length > bytesMax)
    throw new WireError(`${what} takes ${json.length} bytes; at most ${bytesMax} are sent`);
  return jsonDecode(json);
}

const words = new Uint32Array(5);

/** Where a key lies. */
export function placeOf(key: string): RecordKey {
  hashKey(key, words);
  return { hashHi: words[0] as number, hashLo: words[1] as number, key };
}

function kindAt<Kind>(kinds: readonly Kind[], at: number): Kind {
  const kind = kinds[at];
  if (kind === undefined) throw new WireError(`there is no kind ${at}`);
  return kind;
}

function writeText(out: ByteWriter, text: string): void {
  out.u32(text.length);
  out.latin1(text);
}

function readText(input: ByteReader): string {
  return input.latin1(input.u32());
}
