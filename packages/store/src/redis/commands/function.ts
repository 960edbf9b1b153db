/** FUNCTION: there are none here, so none are listed, and to remove all of them is done at once; tools and test suites ask both. */
import type { LocalCommand, Request } from './command.ts';
import { container } from './container.ts';
import { unknownOrWrongArity } from './errors.ts';

export const functionCommand: LocalCommand = container({
  name: 'function',
  arity: -2,
  flags: [],
  group: 'scripting',
  since: '7.0.0',
  summary: 'A container for function commands',
  help: ['FLUSH [ASYNC|SYNC]', 'LIST [LIBRARYNAME PATTERN] [WITHCODE]'],
  subcommands: {
    flush: {
      arity: -2,
      run(_session, request, out) {
        if (request.argc > 3) out.error(unknownOrWrongArity('function', request));
        else if (request.argc === 3 && !/^a?sync$/i.test(request.text(2)))
          out.error('ERR FUNCTION FLUSH only supports SYNC|ASYNC option');
        else out.ok();
      },
    },
    list: {
      arity: -2,
      run(_session, request, out) {
        const mistake = mistakeOf(request);
        if (mistake === undefined) out.array(0);
        else out.error(mistake);
      },
    },
  },
});

/** An error's text when the options of LIST are wrong: each may be given once. */
function mistakeOf(request: Request): string | undefined {
  const given = new Set<string>();
  for (let i = 2; i < request.argc; i++) {
    const word = request.text(i).toUpperCase();
    const isKnown = word === 'WITHCODE' || word === 'LIBRARYNAME';
    if (!isKnown || given.has(word)) return `ERR Unknown argument ${request.text(i)}`;
    given.add(word);
    if (word === 'LIBRARYNAME' && ++i === request.argc) return 'ERR library name argument was not given';
  }
  return undefined;
}
