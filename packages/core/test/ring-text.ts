/** Ring documents from text, and back: a ring before, a request, the ring after or the refusal. */
import type { NodeId } from '../src/contracts/ids.ts';
import { describeDocument } from '../src/membership/describe.ts';
import { isRefusal, type Refusal } from '../src/membership/refusal.ts';
import {
  birthDocument,
  type Member,
  type MemberStatus,
  type RingDocument,
  type StagedChange,
} from '../src/ring/document.ts';

export const id = (name: string): NodeId => name as NodeId;
export const info = (name: string) => ({ id: id(name), name, address: `${name}:1`, location: '' });

export interface RingText {
  /** `leave c, replace a by d`. */
  readonly staged?: string;
  /** The owner of each partition; a owns all when missing. */
  readonly owners?: string;
  /** By member. */
  readonly locations?: Readonly<Record<string, string>>;
  readonly n?: number;
}

const STATUSES: Readonly<Record<string, MemberStatus>> = { '+': 'joining', '-': 'leaving', '!': 'down' };

/** Members as in `a b+ c- d!`: + joining, - leaving, ! down (valid before), !- down (leaving before). */
export function ring(
  members: string,
  { staged = '', owners, locations = {}, n = 3 }: RingText = {},
): RingDocument {
  const ringSize = owners?.length ?? 16;
  const born = birthDocument({ clusterId: 'test', ringSize, self: info('a'), n, level: 'eventual' });
  return {
    ...born,
    members: members.split(' ').map((word): Member => {
      const name = word[0] as string;
      const status = STATUSES[word[1] ?? ''] ?? 'valid';
      const was = word.endsWith('-') ? 'leaving' : 'valid';
      const location = locations[name] ?? '';
      return { ...info(name), location, status, ...(status === 'down' && { was }) };
    }),
    staged: staged.split(', ').filter(Boolean).map(changeOf),
    ...(owners && { owners: [...owners].map(id) }),
  };
}

export function changeOf(text: string): StagedChange {
  const [kind, node, , by] = text.split(' ') as [StagedChange['kind'], string, string?, string?];
  if (kind === 'resize') return { kind, ringSize: Number(node) };
  return (by === undefined ? { kind, node: id(node) } : { kind, node: id(node), by: id(by) }) as StagedChange;
}

/** `a* b+ pending 2 staged leave a`, without epoch and owners; of a refusal its code. */
export function show(result: RingDocument | Refusal): string {
  if (isRefusal(result)) return result.code;
  return describeDocument(result)
    .replace('e1 ', '')
    .replace(/ ?owners.*?(?=$| pending| resizing| staged)/, '');
}
