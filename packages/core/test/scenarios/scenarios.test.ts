import { describe, it } from 'vitest';
import { ClaimantPlay } from './claimant-play.ts';
import { DetectorPlay } from './detector-play.ts';
import { playScript } from './script.ts';
import { TransferPlay } from './transfer-play.ts';

describe('plays', () => {
  it('a cluster changes its members, whoever dies, is cut off or hears late', () => {
    const play = new ClaimantPlay();
    playScript('claimant.txt', (command) => play.perform(command));
  });

  it('a transfer of items from vnode to vnode', () => {
    const play = new TransferPlay();
    playScript('transfer.txt', (command) => play.perform(command));
  });

  it('a node watches a peer through good and bad weather', () => {
    const play = new DetectorPlay();
    playScript('detector.txt', (command) => play.perform(command));
  });
});
