/**
 * Which frames of a stored batch answer a query.
 *
 * Pure. The stores differ in how they find the batches that may hold something; what is taken from one is decided here, once.
 */
import type { Result } from '../../std/result.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { decodeRecords, type DecodeFault } from './codec.ts';
import { framesOf, type JournalFrame } from './frame-view.ts';

/** The part of a query that a frame can be held against. Times and `after` as in `FrameQuery` (ports/journal.ts). */
export interface FrameSelection {
  readonly station?: StationId | undefined;
  readonly action?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly after?: number | undefined;
  readonly order?: 'asc' | 'desc' | undefined;
}

/** The matching frames of a body, in the query's order. */
export function selectFrames(
  body: string,
  firstPosition: number,
  selection: FrameSelection,
): Result<JournalFrame[], DecodeFault> {
  const { after, order = 'asc' } = selection;
  const isAscending = order === 'asc';
  const fromPosition = isAscending && after !== undefined ? after + 1 : 0;
  const decoded = decodeRecords(body, firstPosition, { ...selection, fromPosition });
  if (!decoded.ok) return decoded;
  const frames = decoded.value
    .flatMap(({ position, record }) => framesOf(record, position))
    .filter(({ position }) => after === undefined || (isAscending ? position > after : position < after));
  return { ok: true, value: isAscending ? frames : frames.toReversed() };
}
