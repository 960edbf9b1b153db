/** A command made of subcommands: CLIENT LIST, CONFIG GET, COMMAND INFO. */
import { acceptsArity, type LocalCommand, type Request, type Session, type Subcommand } from './command.ts';
import { unknownSubcommand, wrongArity } from './errors.ts';
import type { ReplyWriter } from '../writer.ts';

export type Subcommands = Readonly<Record<string, Subcommand>>;

export interface ContainerInit extends Omit<LocalCommand, 'kind' | 'run'> {
  readonly subcommands: Subcommands;
  /** One line per form of a subcommand, for HELP. */
  readonly help: readonly string[];
  /** Runs when no subcommand is given; its arity must allow that. */
  bare?(session: Session, request: Request, out: ReplyWriter): void;
}

export function container(init: ContainerInit): LocalCommand {
  const { subcommands, help, bare, ...facts } = init;
  const known = new Map([...Object.entries(subcommands), ['help', helpOf(facts.name, help)] as const]);
  return {
    ...facts,
    kind: 'local',
    run(session, request, out) {
      if (request.argc === 1 && bare !== undefined) {
        bare(session, request, out);
        return;
      }
      const name = request.text(1).toLowerCase();
      const subcommand = known.get(name);
      if (subcommand === undefined) out.error(unknownSubcommand(facts.name, request));
      else if (!acceptsArity(subcommand.arity, request.argc)) out.error(wrongArity(`${facts.name}|${name}`));
      else subcommand.run(session, request, out);
    },
  };
}

function helpOf(name: string, help: readonly string[]): Subcommand {
  const lines = [`${name.toUpperCase()} <subcommand> [<arg> ...]. Subcommands are:`, ...help, 'HELP'];
  return {
    arity: 2,
    run(_session, _request, out) {
      out.array(lines.length);
      for (const line of lines) out.simple(line);
    },
  };
}
