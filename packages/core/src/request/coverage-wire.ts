/**
 * A coverage request on the wire: a query and its pages, around the commands and replies of the module.
 *
 * ```
 * query  u32 limit, place, u16 count, {u32 first hash, u32 last hash}*, command
 * page   place, reply
 * place  0, or 1, hash 8, u32 length + key
 * ```
 */
import type { RecordKey } from '../contracts/store.ts';
import type { ByteReader, ByteWriter, Codec, CoveragePage, CoverageQuery } from '../contracts/vnode.ts';

export function coverageCodec<Command, Reply>(
  codec: Codec<Command, Reply>,
): Codec<CoverageQuery<Command>, CoveragePage<Reply>> {
  return {
    encodeCommand({ command, ranges, after, limit }, out) {
      out.u32(limit);
      writePlace(out, after);
      out.u16(ranges.length);
      for (const { start, end } of ranges) {
        out.u32(start);
        out.u32(end - 1);
      }
      codec.encodeCommand(command, out);
    },
    decodeCommand(input) {
      const limit = input.u32();
      const after = readPlace(input);
      const ranges = Array.from({ length: input.u16() }, () => {
        const start = input.u32();
        return { start, end: input.u32() + 1 };
      });
      return { limit, after, ranges, command: codec.decodeCommand(input) };
    },
    encodeReply({ reply, upTo }, out) {
      writePlace(out, upTo);
      codec.encodeReply(reply, out);
    },
    decodeReply(input) {
      const upTo = readPlace(input);
      return { upTo, reply: codec.decodeReply(input) };
    },
  };
}

function writePlace(out: ByteWriter, place: RecordKey | undefined): void {
  out.u8(place === undefined ? 0 : 1);
  if (place === undefined) return;
  out.u32(place.hashHi);
  out.u32(place.hashLo);
  out.u32(place.key.length);
  out.latin1(place.key);
}

function readPlace(input: ByteReader): RecordKey | undefined {
  if (input.u8() === 0) return undefined;
  return { hashHi: input.u32(), hashLo: input.u32(), key: input.latin1(input.u32()) };
}
