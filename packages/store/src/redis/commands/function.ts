/** FUNCTION: there are none here, so none are listed, and to remove all of them is done at once; tools and test suites ask both. */
import type { LocalCommand } from './command.ts';
import { container } from './container.ts';
import { SYNTAX_ERROR } from './errors.ts';

export const functionCommand: LocalCommand = container({
  name: 'function',
  arity: -2,
  flags: [],
  group: 'scripting',
  since: '7.0.0',
  summary: 'A container for function commands',
  help: ['FLUSH [ASYNC|SYNC]', 'LIST'],
  subcommands: {
    flush: {
      arity: -2,
      run(_session, request, out) {
        const isPlain = request.argc === 2 || (request.argc === 3 && /^a?sync$/i.test(request.text(2)));
        if (isPlain) out.ok();
        else out.error(SYNTAX_ERROR);
      },
    },
    list: { arity: -2, run: (_session, _request, out) => out.array(0) },
  },
});
