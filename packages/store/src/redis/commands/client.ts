/** CLIENT: who is connected, and by what name. */
import type { LocalCommand, Request, Session } from './command.ts';
import { container } from './container.ts';
import { SYNTAX_ERROR } from './errors.ts';
import type { ReplyWriter } from '../writer.ts';

export const CLIENT_NAME_REFUSED = 'ERR Client names cannot contain spaces, newlines or special characters.';

/** Printable, no spaces, so that a line of CLIENT LIST stays a line of fields. */
export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

export const client: LocalCommand = container({
  name: 'client',
  arity: -2,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  group: 'connection',
  since: '2.4.0',
  summary: 'A container for client connection commands',
  help: [
    'GETNAME',
    'ID',
    'INFO',
    'LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> ...]',
    'NO-EVICT (ON|OFF)',
    'NO-TOUCH (ON|OFF)',
    'SETINFO (LIB-NAME|LIB-VER) <value>',
    'SETNAME <name>',
  ],
  subcommands: {
    id: { arity: 2, run: (session, _request, out) => out.integer(session.id) },
    getname: { arity: 2, run: getName },
    setname: { arity: 3, run: setName },
    setinfo: { arity: 4, run: setInfo },
    info: { arity: 2, run: (session, _request, out) => out.verbatim(`${session.describe()}\n`) },
    list: { arity: -2, run: list },
    // Nothing is ever evicted and no access time is kept, so both may be on or off.
    'no-evict': { arity: 3, run: onOrOff },
    'no-touch': { arity: 3, run: onOrOff },
  },
});

function getName(session: Session, _request: Request, out: ReplyWriter): void {
  if (session.name === '') out.null();
  else out.bulkText(session.name);
}

function setName(session: Session, request: Request, out: ReplyWriter): void {
  const name = request.text(2);
  if (!isClientName(name)) {
    out.error(CLIENT_NAME_REFUSED);
    return;
  }
  session.name = name;
  out.ok();
}

function setInfo(session: Session, request: Request, out: ReplyWriter): void {
  const attribute = request.text(2);
  const value = request.text(3);
  const wanted = attribute.toLowerCase();
  if (wanted !== 'lib-name' && wanted !== 'lib-ver') {
    out.error(`ERR Unrecognized option '${attribute}'`);
  } else if (!isClientName(value)) {
    out.error(`ERR ${wanted} cannot contain spaces, newlines or special characters.`);
  } else {
    if (wanted === 'lib-name') session.library = value;
    else session.libraryVersion = value;
    out.ok();
  }
}

function list(session: Session, request: Request, out: ReplyWriter): void {
  const wanted = readListFilter(request);
  if (typeof wanted === 'string') {
    out.error(wanted);
    return;
  }
  let text = '';
  for (const each of session.door.sessions()) if (wanted(each)) text += `${each.describe()}\n`;
  out.verbatim(text);
}

/** An error's text when it is wrong. All clients here are of type normal. */
function readListFilter(request: Request): ((session: Session) => boolean) | string {
  if (request.argc === 2) return () => true;
  const option = request.text(2).toUpperCase();
  if (option === 'TYPE' && request.argc === 4) {
    const type = request.text(3).toLowerCase();
    if (!['normal', 'master', 'replica', 'slave', 'pubsub'].includes(type)) {
      return `ERR Unknown client type '${request.text(3)}'`;
    }
    return () => type === 'normal';
  }
  if (option !== 'ID' || request.argc === 3) return SYNTAX_ERROR;
  const ids = new Set<string>();
  for (let i = 3; i < request.argc; i++) ids.add(request.text(i));
  for (const id of ids) if (!/^[1-9]\d*$/.test(id)) return 'ERR Invalid client ID';
  return (session) => ids.has(String(session.id));
}

function onOrOff(_session: Session, request: Request, out: ReplyWriter): void {
  const word = request.text(2).toLowerCase();
  if (word === 'on' || word === 'off') out.ok();
  else out.error(SYNTAX_ERROR);
}
