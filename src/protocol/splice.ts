/**
 * Where a value stands in a JSON text, and how to change it without touching the rest.
 *
 * Pure. The text is valid JSON (the frame it belongs to was scanned), so this only walks: no value is built, and signed or odd numbers stay as they were
 * written. Of two members of the same name the last counts, as JSON.parse takes it. A name may be written with escapes.
 */

/** A value's place: UTF-16 positions, the end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Edit extends Span {
  readonly text: string;
}

/** Names of members from the outside in; `*` stands for every element of an array. */
export type Path = readonly string[];

/** The one value at the path, or null. For paths without `*`. */
export function spanOf(text: string, start: number, end: number, path: Path): Span | null {
  if (!mayHold(text, start, path)) return null;
  let found: Span | null = null;
  walk(text, skipBlank(text, start), path, 0, (span) => {
    if (span.end <= end) found = span;
  });
  return found;
}

/** Every value at the path, in the order of the text. */
export function spansOf(text: string, start: number, end: number, path: Path): Span[] {
  const found: Span[] = [];
  if (!mayHold(text, start, path)) return found;
  walk(text, skipBlank(text, start), path, 0, (span) => {
    if (span.end <= end) found.push(span);
  });
  return found;
}

/** The text with each span replaced. Edits must not overlap; without one it is the same text. */
export function splice(text: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return text;
  let result = '';
  let at = 0;
  for (const edit of edits.toSorted((left, right) => left.start - right.start)) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}

/** The place of a whole member, its comma included, so that what is left is valid: for the value that `spanOf` found at `value`. */
export function memberAround(text: string, value: Span): Span {
  let start = text.lastIndexOf('"', text.lastIndexOf(':', value.start - 1));
  do start = text.lastIndexOf('"', start - 1);
  while (isEscaped(text, start));
  const after = skipBlank(text, value.end);
  if (text.charCodeAt(after) === comma) return { start, end: skipBlank(text, after + 1) };
  let before = start - 1;
  while (isBlank(text.charCodeAt(before))) before -= 1;
  return text.charCodeAt(before) === comma ? { start: before, end: value.end } : { start, end: value.end };
}

const comma = 0x2c;
const quote = 0x22;
const backslash = 0x5c;

/** A text without the name, plain or escaped, has no such member: most frames end here. */
function mayHold(text: string, start: number, path: Path): boolean {
  let leaf = path.length - 1;
  while (leaf > 0 && path[leaf] === '*') leaf -= 1;
  return text.indexOf(`"${path[leaf]}"`, start) !== -1 || text.indexOf('\\', start) !== -1;
}

function walk(text: string, at: number, path: Path, depth: number, found: (span: Span) => void): void {
  if (depth === path.length) return found({ start: at, end: skipValue(text, at) });
  const name = path[depth] as string;
  if (name === '*') {
    if (text.charCodeAt(at) !== 0x5b) return;
    for (let item = skipBlank(text, at + 1); text.charCodeAt(item) !== 0x5d; item = nextItem(text, item))
      walk(text, item, path, depth + 1, found);
    return;
  }
  const value = memberValue(text, at, name);
  if (value !== -1) walk(text, value, path, depth + 1, found);
}

/** Where the value of the last member of that name begins; -1: there is none. */
function memberValue(text: string, at: number, name: string): number {
  if (text.charCodeAt(at) !== 0x7b) return -1;
  let found = -1;
  let member = skipBlank(text, at + 1);
  while (text.charCodeAt(member) === quote) {
    const nameEnd = skipString(text, member);
    const value = skipBlank(text, skipBlank(text, nameEnd) + 1);
    if (isName(text, member, nameEnd, name)) found = value;
    member = nextItem(text, value);
  }
  return found;
}

function isName(text: string, start: number, end: number, name: string): boolean {
  if (end - start === name.length + 2) return text.startsWith(name, start + 1);
  const raw = text.slice(start, end);
  return raw.includes('\\') && JSON.parse(raw) === name;
}

/** The next element or member after the value at this place, or the closing bracket. */
function nextItem(text: string, value: number): number {
  const end = skipBlank(text, skipValue(text, value));
  return text.charCodeAt(end) === comma ? skipBlank(text, end + 1) : end;
}

function skipValue(text: string, start: number): number {
  const code = text.charCodeAt(start);
  if (code === quote) return skipString(text, start);
  if (code !== 0x7b && code !== 0x5b) {
    let at = start;
    while (at < text.length && !isEnd(text.charCodeAt(at))) at += 1;
    return at;
  }
  let depth = 0;
  for (let at = start; at < text.length;) {
    const next = text.charCodeAt(at);
    if (next === quote) {
      at = skipString(text, at);
      continue;
    }
    at += 1;
    if (next === 0x7b || next === 0x5b) depth += 1;
    else if (next === 0x7d || next === 0x5d) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return text.length;
}

function skipString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at !== -1 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at === -1 ? text.length : at + 1;
}

/** An odd number of backslashes before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === backslash) before -= 1;
  return (at - before) % 2 === 0;
}

function isEnd(code: number): boolean {
  return code === comma || code === 0x7d || code === 0x5d || isBlank(code);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function skipBlank(text: string, start: number): number {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
}
