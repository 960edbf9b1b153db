/**
 * What a command prints, compared by its shape.
 *
 *   …           in a line: any text; alone in a line: any lines, also none
 *   <number>    digits, with a point among them or not
 *
 * All else must be there to the letter. Spaces at the ends of lines do not count, nor do empty lines at the end of all.
 */

/** Undefined: it is as expected. Otherwise what is wrong. */
export function mismatch(expected: string, printed: string): string | undefined {
  const [wanted, got] = [linesOf(expected), linesOf(printed)];
  if (matches(wanted, got)) return undefined;
  return `expected:\n${wanted.join('\n')}\nprinted:\n${got.join('\n')}`;
}

/** Whether it may go on in any way behind what is expected: of a program that is not at its end. */
export function begins(expected: string, printed: string): boolean {
  return matches([...linesOf(expected), '…'], linesOf(printed));
}

function matches(wanted: readonly string[], got: readonly string[]): boolean {
  const pattern = wanted.map((line) => (line === '…' ? '(?:.*\n)*?' : `${patternOf(line)}\n`)).join('');
  return new RegExp(`^${pattern}$`).test(got.map((line) => `${line}\n`).join(''));
}

function patternOf(line: string): string {
  return line
    .split(/(…|<number>)/)
    .map((part) => {
      if (part === '…') return '.*';
      if (part === '<number>') return '\\d+(?:\\.\\d+)?';
      return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
}

function linesOf(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
}
