/**
 * A planted bug: now and then a replica of a strict key says that it has accepted a change, and has not. Loaded into nodes by
 * `--import`, and only by the test that must find it.
 */
import { KvVnode } from '@rkv/store';

/** One change in so many. */
const SPARED = 10;
const NO_BALLOT = new Uint8Array(16);

const { handleCommand } = KvVnode.prototype;
let accepts = 0;

KvVnode.prototype.handleCommand = function (command, token) {
  if (command.kind === 'accept' && ++accepts % SPARED === 0)
    token.reply({ kind: 'accepted', accepted: true, ballot: NO_BALLOT });
  else handleCommand.call(this, command, token);
};
