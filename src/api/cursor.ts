/**
 * Cursors of lists: opaque to users, so that what they hold can change.
 *
 * Pure. A cursor is base64url of the list's name and the last item's key. One list's cursor is refused by another: continuing a descending
 * list in ascending order would silently skip items.
 */
import { Buffer } from 'node:buffer';
import { fail, ok, type Result } from '../std/result.ts';

export type CursorFault = 'not_a_cursor' | 'other_list';

/** Makes the cursor that continues after `key`. `list` says which list and order it belongs to; it has no colon. */
export function encodeCursor(list: string, key: string): string {
  return Buffer.from(`${list}:${key}`, 'utf8').toString('base64url');
}

/** The key that `encodeCursor` was given. */
export function decodeCursor(list: string, cursor: string): Result<string, CursorFault> {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1 || encodeCursor(text.slice(0, colon), text.slice(colon + 1)) !== cursor)
    return fail('not_a_cursor');
  if (text.slice(0, colon) !== list) return fail('other_list');
  return ok(text.slice(colon + 1));
}
