/**
 * A case in a file: the seed, and the faults to be played in place of those that it draws.
 *
 *     seed 42
 *     minutes 1                          as in --minutes; may be left out
 *     kinds crash,pause                  as in --kinds; may be left out
 *     plant copies are never compared         a planted bug; may be left out
 *
 *     1200..3400 ms  cut n1 | n2 n3      a fault a line, as --seed prints them
 *
 * Machines, links, clocks, clients and operator come from the seed; so do the nodes that faults may name.
 */
import { describeFaults, parseFaults, World, type Fault, type FaultKind } from '@rkv/testkit';
import { ALL_KINDS, drawScenario } from './draw.ts';
import { PLANTED } from './planted-bugs.ts';

export interface Script {
  readonly seed: number;
  readonly minutes: number;
  /** Those that `--kinds` named when the faults were drawn; a seed draws other things with them. */
  readonly kinds: readonly FaultKind[] | undefined;
  /** The name of a planted bug. */
  readonly plant: string | undefined;
  readonly faults: readonly Fault[];
}

export function describeScript({ seed, minutes, kinds, plant, faults }: Script): string {
  const heading = [
    `seed ${seed}`,
    `minutes ${minutes}`,
    ...(kinds === undefined ? [] : [`kinds ${kinds.join(',')}`]),
    ...(plant === undefined ? [] : [`plant ${plant}`]),
  ];
  return `${heading.join('\n')}\n\n${describeFaults(faults)}\n`;
}

/** Throws an error that names the line and what is wrong with it. */
export function parseScript(text: string): Script {
  const lines = text.split('\n');
  const heading = { seed: undefined, minutes: 1, kinds: undefined, plant: undefined } as {
    -readonly [Name in Exclude<keyof Script, 'faults' | 'seed'>]: Script[Name];
  } & { seed: number | undefined };
  const rest = lines.map((line, at) => {
    const [, word, value = ''] = /^\s*(seed|minutes|kinds|plant)\b([^#]*)/.exec(line) ?? [];
    if (word === undefined) return line;
    const given = value.trim();
    try {
      if (word === 'seed') heading.seed = wholeNumber(given, 0);
      else if (word === 'minutes') heading.minutes = wholeNumber(given, 1);
      else if (word === 'kinds') heading.kinds = given.split(',').map(faultKind);
      else heading.plant = plantedName(given);
    } catch (error) {
      throw new Error(`line ${at + 1}: ${(error as Error).message}`, { cause: error });
    }
    return '';
  });
  const { seed, ...options } = heading;
  if (seed === undefined) throw new Error('no line says which seed it is: "seed 42"');
  const { machines } = drawScenario(new World({ seed }), options);
  return { seed, ...options, faults: parseFaults(rest.join('\n'), machines) };
}

export function faultKind(name: string): FaultKind {
  const kind = ALL_KINDS.find((known) => known === name);
  if (kind === undefined)
    throw new Error(`no kind of fault is called "${name}"; there are ${ALL_KINDS.join(', ')}`);
  return kind;
}

export function plantedName(name: string): string {
  if (!Object.hasOwn(PLANTED, name))
    throw new Error(`no planted bug is called "${name}"; there are ${Object.keys(PLANTED).join(', ')}`);
  return name;
}

function wholeNumber(text: string, least: number): number {
  const number = Number(text);
  if (text === '' || !Number.isSafeInteger(number) || number < least)
    throw new Error(`"${text}" is not a whole number from ${least} on`);
  return number;
}
