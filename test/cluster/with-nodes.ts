/** Nodes for the tests of one file: ended after the last, their logs shown after each that fails. */
import { afterAll, afterEach } from 'vitest';
import { Nodes, type NodesInit } from './nodes.ts';

export function withNodes(init: NodesInit = {}): Nodes {
  const nodes = new Nodes(init);
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.error(`${task.name}:\n${nodes.describeLogs()}`);
  });
  afterAll(() => nodes.end());
  return nodes;
}
