/** What a node's /metrics tells a monitor, by name and labels as they stand there. */
import type { TestNode } from './nodes.ts';

export async function figuresOf(node: TestNode): Promise<ReadonlyMap<string, number>> {
  const { text } = await node.ask('/metrics');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

export interface LimitFigures {
  readonly used: number | undefined;
  readonly max: number | undefined;
  readonly reached: number | undefined;
}

export async function limitOf(node: TestNode, limit: string): Promise<LimitFigures> {
  const figures = await figuresOf(node);
  const of = (family: string): number | undefined => figures.get(`rkv_limit_${family}{limit="${limit}"}`);
  return { used: of('used'), max: of('max'), reached: of('reached_total') };
}
