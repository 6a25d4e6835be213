/**
 * Frames as text, compared without decoding them the way the gateway does.
 */

/** The text with its message id blanked, everything else as it is. */
export function otherThanId(text: string | undefined): string {
  const match = /^(\s*\[\s*\d+\s*,\s*)"[^"\\]*(?:\\.[^"\\]*)*"(.*)$/s.exec(text ?? '');
  if (match === null) throw new Error(`no frame with an id: ${String(text).slice(0, 200)}`);
  return `${match[1]}<id>${match[2]}`;
}
