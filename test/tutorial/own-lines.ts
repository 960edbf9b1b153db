/** What the reader has written: the lines of code of a project that are not in what was generated. Comments are no code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The lines of each file, by name. */
export type Sources = ReadonlyMap<string, readonly string[]>;

export function sourcesIn(folder: string): Sources {
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  return new Map(
    files.map((file) => {
      const lines = readFileSync(join(folder, file), 'utf8').split('\n');
      return [file, lines.map((line) => line.trim()).filter(isCode)];
    }),
  );
}

export function ownLines(generated: Sources, now: Sources): number {
  let own = 0;
  for (const [file, lines] of now) {
    const given = [...(generated.get(file) ?? [])];
    for (const line of lines) {
      const at = given.indexOf(line);
      if (at < 0) own++;
      else given.splice(at, 1);
    }
  }
  return own;
}

function isCode(line: string): boolean {
  return line !== '' && !/^(\/\*|\*|\/\/)/.test(line);
}
