/**
 * Where a member stands in a JSON text.
 *
 * Pure. Stand-in until the real one lands.
 */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function spanOf(text: string, start: number, end: number, path: readonly string[]): Span | null {
  const [name] = path;
  const match = new RegExp(`"${name}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*"|[^,}\\s]+)`).exec(
    text.slice(start, end),
  );
  if (match === null || match[1] === undefined) return null;
  const at = start + match.index + match[0].length - match[1].length;
  return { start: at, end: at + match[1].length };
}
