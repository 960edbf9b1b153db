import { describe, it } from 'vitest';
import { playScript } from './script.ts';
import { TransferPlay } from './transfer-play.ts';

describe('plays', () => {
  it('a transfer of items from vnode to vnode', () => {
    const play = new TransferPlay();
    playScript('transfer.txt', (command) => play.perform(command));
  });
});
