/**
 * A command's payload, read only where a decision depends on it, and how its members are taken.
 *
 * Pure. A parser takes the last of two members of the same name, another the first, and some compare names without their case: a text that would say
 * different things to Busbar and to the station is ambiguous, and nothing that matters is decided by it.
 */
export type Members = Readonly<Record<string, unknown>>;

export interface Payload {
  readonly text: string;
  /** Its members; none when it is no JSON object. */
  readonly members: Members;
  /** Somewhere in it an object has two members that a station's parser might take for one. */
  readonly isAmbiguous: boolean;
}

/** Reads the payload when it is first asked for. */
export function payloadReader(text: string): () => Payload {
  let read: Payload | null = null;
  return () => (read ??= readPayload(text));
}

export function readPayload(text: string): Payload {
  try {
    return { text, members: membersOf(JSON.parse(text)), isAmbiguous: hasTwins(text) };
  } catch {
    // What is no JSON has no members: every decision then refuses.
    return { text, members: {}, isAmbiguous: true };
  }
}

/** The members of an object; none of anything else. */
export function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

/** A member of the object's own, and null where it is missing or no text. */
export function textOf(members: Members, name: string): string | null {
  const value = Object.hasOwn(members, name) ? members[name] : undefined;
  return typeof value === 'string' ? value : null;
}

/** An integer member, or null. */
export function integerOf(members: Members, name: string): number | null {
  const value = Object.hasOwn(members, name) ? members[name] : undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

/** An array member; none when it is missing or something else. */
export function listOf(members: Members, name: string): readonly unknown[] {
  const value = Object.hasOwn(members, name) ? members[name] : undefined;
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** A key or variable as the most forgiving station might take it: without case, blanks and punctuation. */
export function foldName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/**
 * A member's name as the most forgiving parser might compare it: without case by any rule (Go's lets U+212A pass for k and U+017F for s), and cut at a NUL, as
 * C's strings are.
 */
export function foldMember(name: string): string {
  const [visible = ''] = name.split('\u0000');
  return visible.trim().toUpperCase().toLowerCase();
}

/** Of a text that is valid JSON; one pass, whatever its size. */
function hasTwins(text: string): boolean {
  const open: (Set<string> | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === openBrace) open.push(new Set());
    else if (code === openBracket) open.push(null);
    else if (code === closeBrace || code === closeBracket) open.pop();
    else if (code === quote) {
      const end = stringEnd(text, at);
      const names = open.at(-1);
      if (names instanceof Set && isName(text, end)) {
        const name = foldMember(JSON.parse(text.slice(at, end)) as string);
        if (names.has(name)) return true;
        names.add(name);
      }
      at = end - 1;
    }
    at += 1;
  }
  return false;
}

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The position after a string's closing quote. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== quote && at < text.length; code = text.charCodeAt(at))
    at += code === backslash ? 2 : 1;
  return at + 1;
}

/** A string that a colon follows is a member's name. */
function isName(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text[at] === ':';
}
