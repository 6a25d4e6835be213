/**
 * Changes the identifiers of a frame where a table says they stand, and nothing else of it.
 *
 * Pure. What becomes of each value is for the caller's judge; this finds the values and puts the text together.
 */
import { assert } from '../../std/assert.ts';
import type { Frame } from '../../protocol/frame.ts';
import { eachValue, mayEscape, splice, type Edit } from '../../protocol/splice.ts';
import type { IdField } from './field.ts';

/** Where the payload stands in the text; a decoded frame is one. */
export type BodySpan = Pick<Frame, 'bodyStart' | 'bodyEnd'>;

/** `keep`, as it is · `remove`, the member goes · a token to put in its place · `stop`, the frame must not go on. */
export type Verdict<Reason extends string> =
  | 'keep'
  | 'remove'
  | { readonly token: string }
  | { readonly stop: Reason };

/** The text with its identifiers changed (the same text when none was), or why it must not go on. */
export function rewrite<Reason extends string>(
  text: string,
  span: BodySpan,
  fields: readonly IdField[],
  judge: (field: IdField, token: string) => Verdict<Reason>,
): string | { readonly stop: Reason } {
  const edits: Edit[] = [];
  let stopped: { readonly stop: Reason } | null = null;
  const { bodyStart, bodyEnd } = span;
  const isEscaped = mayEscape(text, bodyStart, bodyEnd);
  for (const field of fields) {
    if (!isEscaped) {
      const named = text.indexOf(field.name, bodyStart);
      if (named === -1 || named >= bodyEnd) continue;
    }
    eachValue(text, span.bodyStart, field.path, (memberStart, start, end) => {
      const token = text.slice(start, end);
      const verdict = judge(field, token);
      if (verdict === 'keep') return;
      if (verdict === 'remove') edits.push({ start: memberStart, end, text: null });
      else if ('stop' in verdict) stopped ??= verdict;
      else if (verdict.token !== token) edits.push({ start, end, text: verdict.token });
    });
  }
  if (stopped !== null) return stopped;
  return edits.length === 0
    ? text
    : splice(
        text,
        edits.sort((a, b) => a.start - b.start),
      );
}

/** The same for a judge who stops nothing. */
export function rewriteAll(
  text: string,
  span: BodySpan,
  fields: readonly IdField[],
  judge: (field: IdField, token: string) => Verdict<never>,
): string {
  const rewritten = rewrite(text, span, fields, judge);
  assert(typeof rewritten === 'string', 'a judge who stops nothing leaves a text');
  return rewritten;
}
