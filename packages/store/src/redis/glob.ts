/**
 * Redis's patterns over latin1 strings: `*` any chars, `?` one char, `[a-c]` and `[^a-c]` sets, `\` takes the
 * next char literally.
 *
 * A pattern is compiled once and matched many times. On a mismatch only the last star is widened (an earlier
 * one can never help), so matching takes at most pattern length times text length steps and no pattern stalls
 * a node.
 *
 * Source: the observable behaviour of redis-server 7.0 (`stringmatchlen`), with one difference: `*` and `**`
 * match the empty string.
 */
export type Glob = (text: string) => boolean;

/** A char code, a set by char code, or one of the two below. */
type Step = number | Uint8Array;
const ANY = -1;
const STAR = -2;

export function compileGlob(pattern: string): Glob {
  const steps = compileSteps(pattern);
  if (steps.every((step) => step === STAR) && steps.length > 0) return () => true;
  return (text) => matches(steps, text);
}

function matches(steps: readonly Step[], text: string): boolean {
  let step = 0;
  let at = 0;
  let starStep = -1;
  let starAt = 0;
  while (at < text.length) {
    const current = steps[step];
    if (current === STAR) {
      starStep = step++;
      starAt = at;
    } else if (current !== undefined && accepts(current, text.charCodeAt(at))) {
      step++;
      at++;
    } else if (starStep >= 0) {
      step = starStep + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (steps[step] === STAR) step++;
  return step === steps.length;
}

function accepts(step: Step, code: number): boolean {
  if (typeof step === 'number') return step === ANY || step === code;
  return step[code] === 1;
}

function compileSteps(pattern: string): Step[] {
  const steps: Step[] = [];
  let at = 0;
  while (at < pattern.length) {
    const char = pattern.charAt(at);
    if (char === '[') {
      const set = compileSet(pattern, at + 1);
      steps.push(set.step);
      at = set.end;
      continue;
    }
    if (char === '*') steps.push(STAR);
    else if (char === '?') steps.push(ANY);
    else if (char === '\\' && at + 1 < pattern.length) steps.push(pattern.charCodeAt(++at));
    else steps.push(pattern.charCodeAt(at));
    at++;
  }
  return steps;
}

/** The set that begins at `start`, behind its bracket. One that is never closed ends with the pattern. */
function compileSet(pattern: string, start: number): { step: Uint8Array; end: number } {
  const negated = pattern.charAt(start) === '^';
  const step = new Uint8Array(256);
  let at = negated ? start + 1 : start;
  while (at < pattern.length && pattern.charAt(at) !== ']') {
    if (pattern.charAt(at) === '\\' && at + 1 < pattern.length) {
      step[pattern.charCodeAt(at + 1)] = 1;
      at += 2;
    } else if (pattern.charAt(at + 1) === '-' && at + 2 < pattern.length) {
      addRange(step, pattern.charCodeAt(at), pattern.charCodeAt(at + 2));
      at += 3;
    } else {
      step[pattern.charCodeAt(at)] = 1;
      at++;
    }
  }
  if (negated) for (let code = 0; code < 256; code++) step[code] = 1 - (step[code] as number);
  return { step, end: at + 1 };
}

function addRange(set: Uint8Array, one: number, other: number): void {
  set.fill(1, Math.min(one, other), Math.max(one, other) + 1);
}
