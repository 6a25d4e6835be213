/**
 * A text that stands by itself.
 *
 * Pure. A slice of a text keeps the whole of it in memory for as long as the slice lives. What is kept of a frame beyond its step, and may be a small part of
 * a large one, is copied.
 */
export function ownText(slice: string): string {
  return JSON.parse(JSON.stringify(slice)) as string;
}
