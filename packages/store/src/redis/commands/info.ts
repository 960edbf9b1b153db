/** INFO. */
import { renderInfo } from '../info.ts';
import type { LocalCommand } from './command.ts';

export const info: LocalCommand = {
  name: 'info',
  kind: 'local',
  arity: -1,
  flags: ['loading', 'stale'],
  group: 'server',
  since: '1.0.0',
  summary: 'Get information and statistics about the server',
  run(session, request, out) {
    const sections: string[] = [];
    for (let i = 1; i < request.argc; i++) sections.push(request.text(i).toLowerCase());
    out.verbatim(renderInfo(sections, session.door.info(), session.door.counters()));
  },
};
