/**
 * Where a read of the journal has reached its end.
 *
 * Pure. A reader gives fewer frames than asked for at the end, and where their texts would fill the memory of who asked (ports/journal.ts).
 */
import type { JournalFrame } from '../core/journal/frame-view.ts';

/** Characters of text beyond which a reader may stop short. */
const shortAnswerCharacters = 8 * 1024 * 1024;

/** Whether nothing followed these frames when they were read with this limit. */
export function isLastPage(frames: readonly JournalFrame[], limit: number): boolean {
  if (frames.length === 0) return true;
  if (frames.length >= limit) return false;
  let characters = 0;
  for (const { text } of frames) characters += text.length;
  return characters < shortAnswerCharacters;
}

/** Whether a failed read was the storage's fault, which passes, and not a bug. */
export function isStorageFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'storage_unavailable';
}
