/**
 * A change of a file, as a diff without numbers: lines that stay begin with a space, those that go with -, those that come with +.
 * A line @@ stands between two places of one file.
 *
 * What stays and goes must be found in the file in one place, and only one: or else a reader would not find it either.
 */
export function edited(text: string, diff: string): string {
  let lines = text.split('\n');
  for (const hunk of diff.split(/^@@.*\n/m)) {
    const changes = hunk
      .trimEnd()
      .split('\n')
      .map((line) => ({ mark: line.charAt(0), line: line.slice(1) }));
    if (changes.every(({ mark }) => mark === '')) continue;
    const odd = changes.find(({ mark }) => !['', ' ', '-', '+'].includes(mark));
    if (odd !== undefined) throw new Error(`a line of a diff begins with a space, - or +, not "${odd.mark}"`);
    const before = changes.filter(({ mark }) => mark !== '+').map(({ line }) => line);
    const after = changes.filter(({ mark }) => mark !== '-').map(({ line }) => line);
    const places = [...lines.keys()].filter((at) => before.every((line, i) => lines[at + i] === line));
    const [at, ...others] = places;
    if (at === undefined) throw new Error(`this is nowhere in the file:\n${before.join('\n')}`);
    if (others.length > 0) throw new Error(`this is in the file more than once:\n${before.join('\n')}`);
    lines = [...lines.slice(0, at), ...after, ...lines.slice(at + before.length)];
  }
  return lines.join('\n');
}
