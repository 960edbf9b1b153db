/** PING, ECHO, SELECT, QUIT, RESET, AUTH, HELLO: between one client and this node. */
import { REDIS_VERSION } from '../version.ts';
import type { ReplyWriter } from '../writer.ts';
import { isClientName, CLIENT_NAME_REFUSED } from './client.ts';
import type { LocalCommand, Request, Session } from './command.ts';
import { parseInt64 } from './decimal.ts';
import { NOT_AN_INTEGER, SYNTAX_ERROR, wrongArity } from './errors.ts';

const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';
const NO_PASSWORD_SET =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?';

const facts = {
  kind: 'local',
  group: 'connection',
  flags: ['noscript', 'loading', 'stale', 'fast'],
} as const;

export const ping: LocalCommand = {
  ...facts,
  name: 'ping',
  arity: -1,
  flags: ['fast'],
  since: '1.0.0',
  summary: 'Ping the server',
  run(_session, request, out) {
    if (request.argc > 2) out.error(wrongArity('ping'));
    else if (request.argc === 2) out.bulk(request.view(1));
    else out.simple('PONG');
  },
};

export const echo: LocalCommand = {
  ...facts,
  name: 'echo',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  since: '1.0.0',
  summary: 'Echo the given string',
  run: (_session, request, out) => out.bulk(request.view(1)),
};

export const select: LocalCommand = {
  ...facts,
  name: 'select',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  since: '1.0.0',
  summary: 'Change the selected database; there is only 0',
  run(_session, request, out) {
    const index = parseInt64(request.text(1));
    if (index === undefined) out.error(NOT_AN_INTEGER);
    else if (index !== 0n) out.error('ERR DB index is out of range');
    else out.ok();
  },
};

export const quit: LocalCommand = {
  ...facts,
  name: 'quit',
  arity: -1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  since: '1.0.0',
  summary: 'Close the connection',
  run(session, _request, out) {
    out.ok();
    session.closeAfterReplies();
  },
};

export const reset: LocalCommand = {
  ...facts,
  name: 'reset',
  arity: 1,
  alone: true,
  since: '6.2.0',
  summary: 'Reset the connection',
  run(session, _request, out) {
    session.name = '';
    session.resp3 = false;
    out.simple('RESET');
  },
};

export const auth: LocalCommand = {
  ...facts,
  name: 'auth',
  arity: -2,
  since: '1.0.0',
  summary: 'Authenticate to the server',
  run(_session, request, out) {
    if (request.argc > 3) out.error(SYNTAX_ERROR);
    else if (request.argc === 2) out.error(NO_PASSWORD_SET);
    else if (!isKnownUser(request.text(1))) out.error(WRONG_PASSWORD);
    else out.ok();
  },
};

/** The default user has no password, so any will do; there are no others. */
function isKnownUser(name: string): boolean {
  return name === 'default';
}

export const hello: LocalCommand = {
  ...facts,
  name: 'hello',
  arity: -1,
  alone: true,
  since: '6.0.0',
  summary: 'Handshake with the server',
  run(session, request, out) {
    const wanted = readHello(session, request);
    if (typeof wanted === 'string') {
      out.error(wanted);
      return;
    }
    session.resp3 = wanted.resp3;
    session.name = wanted.name;
    answerHello(session, out);
  },
};

interface Greeting {
  readonly resp3: boolean;
  readonly name: string;
}

/** An error's text when something is wrong; nothing has changed then. */
function readHello(session: Session, request: Request): Greeting | string {
  if (request.argc === 1) return { resp3: session.resp3, name: session.name };
  const version = parseInt64(request.text(1));
  if (version === undefined) return 'ERR Protocol version is not an integer or out of range';
  if (version !== 2n && version !== 3n) return 'NOPROTO unsupported protocol version';
  let name = session.name;
  for (let i = 2; i < request.argc;) {
    const option = request.text(i);
    const left = request.argc - i - 1;
    if (option.toUpperCase() === 'AUTH' && left >= 2) {
      if (!isKnownUser(request.text(i + 1))) return WRONG_PASSWORD;
      i += 3;
    } else if (option.toUpperCase() === 'SETNAME' && left >= 1) {
      name = request.text(i + 1);
      if (!isClientName(name)) return CLIENT_NAME_REFUSED;
      i += 2;
    } else {
      return `ERR Syntax error in HELLO option '${option}'`;
    }
  }
  return { resp3: version === 3n, name };
}

function answerHello(session: Session, out: ReplyWriter): void {
  out.map(7);
  out.bulkText('server');
  out.bulkText('redis');
  out.bulkText('version');
  out.bulkText(REDIS_VERSION);
  out.bulkText('proto');
  out.integer(session.resp3 ? 3 : 2);
  out.bulkText('id');
  out.integer(session.id);
  out.bulkText('mode');
  out.bulkText('standalone');
  out.bulkText('role');
  out.bulkText('master');
  out.bulkText('modules');
  out.array(0);
}
