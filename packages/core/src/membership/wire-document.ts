/**
 * Ring documents from outside: from a peer's message or this node's own records.
 *
 * `readDocument` is stricter than the codec in ring/: whatever it returns can be acted upon without a further
 * look. In messages a document is its opaque bytes as a latin1 string, so fields that this version does not
 * know travel on unharmed.
 */
import { jsonDecode, latin1Decode, latin1Encode, WireError } from '../base/bytes.ts';
import { decodeDocument, type AgreedDocument, type StagedChange } from '../ring/document.ts';
import {
  expectShape,
  isCount,
  isKindOf,
  isListOf,
  isName,
  isOneOf,
  isOptional,
  isPositive,
  isRecord,
  isText,
  type Check,
} from './shape.ts';

const stagedShapes: Readonly<Record<StagedChange['kind'], Check>> = {
  leave: isRecord({ node: isName }),
  replace: isRecord({ node: isName, by: isName }),
  'force-replace': isRecord({ node: isName, by: isName }),
  'force-remove': isRecord({ node: isName }),
  resize: isRecord({ ringSize: isPositive }),
};

const documentShape = isRecord({
  clusterId: isName,
  epoch: isPositive,
  parentDigest: isText,
  ringSize: isPositive,
  members: isListOf(
    isRecord({
      id: isName,
      name: isName,
      address: isText,
      location: isText,
      storeId: isOptional(isName),
      status: isOneOf('joining', 'valid', 'leaving', 'down'),
      was: isOptional(isOneOf('valid', 'leaving')),
    }),
  ),
  claimant: isName,
  owners: isListOf(isCount),
  pending: isListOf(isRecord({ partition: isCount, from: isName, to: isName })),
  resize: isOptional(isRecord({ ringSize: isPositive, owners: isListOf(isCount) })),
  staged: isListOf(isKindOf(stagedShapes)),
  buckets: isListOf(isRecord({ prefix: isText, n: isPositive, level: isOneOf('eventual', 'strict') })),
  formatLevel: isPositive,
});

/** What this version can write to disk and wire. A higher level is agreed only once all members know it. */
const FORMAT_LEVEL = 1;

/** `WireError` when the bytes are no ring document that this node can act upon. */
export function readDocument(bytes: Uint8Array): AgreedDocument {
  expectShape(documentShape, jsonDecode(bytes), 'a ring document');
  const agreed = decodeDocument(bytes);
  const { members, claimant, pending, buckets, ringSize, formatLevel } = agreed.document;
  if (formatLevel > FORMAT_LEVEL) {
    throw new WireError(
      `a ring document of format level ${formatLevel}, of which this version knows ${FORMAT_LEVEL}`,
    );
  }
  const ids = new Set(members.map((member) => member.id));
  if (ids.size !== members.length) throw new WireError('a ring document that names a member twice');
  if (!ids.has(claimant)) throw new WireError('a ring document whose claimant is no member');
  if (!pending.every((move) => ids.has(move.from) && ids.has(move.to) && move.partition < ringSize)) {
    throw new WireError('a ring document with a transfer that nobody can make');
  }
  if (!buckets.some((bucket) => bucket.prefix === '')) {
    throw new WireError('a ring document without the default bucket');
  }
  if (new Set(buckets.map(({ prefix }) => prefix)).size !== buckets.length) {
    throw new WireError('a ring document with two buckets of one prefix');
  }
  return agreed;
}

export function documentToText(agreed: AgreedDocument): string {
  return latin1Decode(agreed.bytes);
}

export function documentFromText(text: string): AgreedDocument {
  return readDocument(latin1Encode(text));
}
