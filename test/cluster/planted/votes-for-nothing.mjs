/**
 * A planted bug: of some changes of strict keys no replica keeps anything, and each says that it has accepted them. Loaded into
 * nodes by `--import`, and only by the test that must find it.
 */
import { KvVnode } from '@rkv/store';

/** One change in so many, and the same ones at every replica: what one of three does not keep, a read seldom misses. */
const SPARED = 10;
const NO_BALLOT = new Uint8Array(16);

const { handleCommand } = KvVnode.prototype;

KvVnode.prototype.handleCommand = function (command, token) {
  if (command.kind === 'accept' && sumOf(command.entry) % SPARED === 0)
    token.reply({ kind: 'accepted', accepted: true, ballot: NO_BALLOT });
  else handleCommand.call(this, command, token);
};

function sumOf(bytes) {
  return bytes.reduce((sum, byte) => sum + byte, 0);
}
