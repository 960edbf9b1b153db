/** Error texts that more than one command needs, word for word as redis-server 7.0 has them: clients match on them. */
import type { Request } from './command.ts';

export const SYNTAX_ERROR = 'ERR syntax error';
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';

export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** `container` as in "Try CLIENT HELP." */
export function unknownSubcommand(container: string, request: Request): string {
  return `ERR unknown subcommand '${cut(request.text(1), 128)}'. Try ${container.toUpperCase()} HELP.`;
}

/** The same of a subcommand that counts its arguments itself. */
export function unknownOrWrongArity(container: string, request: Request): string {
  const name = cut(request.text(1), 128);
  return `ERR unknown subcommand or wrong number of arguments for '${name}'. Try ${container.toUpperCase()} HELP.`;
}

export function unknownCommand(request: Request): string {
  let shown = '';
  for (let i = 1; i < request.argc && shown.length < 128; i++) {
    shown += `'${cut(request.text(i), 128 - shown.length)}' `;
  }
  return `ERR unknown command '${cut(request.text(0), 128)}', with args beginning with: ${shown}`;
}

/** Redis shows C strings: they end at a zero byte. */
function cut(text: string, length: number): string {
  const end = text.indexOf('\0');
  return text.slice(0, end === -1 ? length : Math.min(length, end));
}
