/**
 * What a station said of its open transactions, read back from the journal: for a backend that is handed one which began elsewhere.
 *
 * Not pure only in that it reads. It goes back to the start of each, or as far as the journal and its own bound reach; of very many calls it brings the newest, and the beginnings.
 */
import type { JournalFrame } from '../core/journal/frame-view.ts';
import type { TransactionRow } from '../core/ids/ledger.ts';
import { stringOf } from '../core/ids/id-token.ts';
import { numberAt, textAt } from '../core/ids/transactions.ts';
import type { FrameQuery, JournalReader } from '../ports/journal.ts';
import type { StationId } from '../protocol/station-id.ts';
import { tokenAt } from '../protocol/splice.ts';

/** Frames of an action that are looked at: a week of readings every half minute, each of which is four. */
const framesMax = 80_000;
/** Calls that are brought: a day of them. */
const callsMax = 3_000;
const pageFrames = 1_000;
/** A clock may have been set back between a start and what followed. */
const slackMs = 60_000;

/** Texts of its calls about them, oldest first. Rejects where the journal cannot be read. */
export async function readHistory(
  reader: Pick<JournalReader, 'frames'>,
  station: StationId,
  rows: readonly TransactionRow[],
): Promise<readonly string[]> {
  const [one, two] = [
    rows.filter(({ family }) => family === 'v16'),
    rows.filter(({ family }) => family === 'v2'),
  ];
  const texts: string[] = [];
  if (one.length > 0) {
    const starts = await readBack(reader, { station, action: 'StartTransaction' }, one, isStartOf);
    const fromMs = Math.min(...starts.map(({ at }) => at), Infinity) - slackMs;
    const since = starts.length < one.length ? {} : { fromMs };
    const values = await readBack(reader, { station, action: 'MeterValues', ...since }, one, () => false);
    texts.push(...values.map(({ text }) => text));
  }
  if (two.length > 0) {
    const events = await readBack(reader, { station, action: 'TransactionEvent' }, two, isBeginningOf);
    texts.push(...events.map(({ text }) => text));
  }
  return texts;
}

/** The station's calls of that action, oldest first, back to where the beginning of each transaction was found. */
async function readBack(
  reader: Pick<JournalReader, 'frames'>,
  query: Pick<FrameQuery, 'station' | 'action' | 'fromMs'>,
  rows: readonly TransactionRow[],
  isBeginning: (row: TransactionRow, frame: JournalFrame) => boolean,
): Promise<JournalFrame[]> {
  const calls: JournalFrame[] = [];
  const sought = new Set(rows);
  let before: number | null = null;
  for (let seen = 0; seen < framesMax && sought.size > 0;) {
    const page: readonly JournalFrame[] = await reader.frames({
      ...query,
      order: 'desc',
      limit: pageFrames,
      ...(before === null ? {} : { after: before }),
    });
    const last = page.at(-1);
    if (last === undefined) break;
    seen += page.length;
    before = last.position;
    for (const frame of page) {
      if (frame.link !== 'station' || frame.direction !== 'in' || frame.kind !== 'call') continue;
      if (sought.size === 0) break;
      const begun = [...sought].filter((row) => isBeginning(row, frame));
      for (const row of begun) sought.delete(row);
      if (calls.length < callsMax || begun.length > 0) calls.push(frame);
    }
  }
  return calls.toReversed();
}

function isStartOf({ connectorId, startedAt }: TransactionRow, { text }: JournalFrame): boolean {
  const bodyStart = text.indexOf('{');
  return (
    textAt(text, bodyStart, 'timestamp') === startedAt &&
    numberAt(text, bodyStart, 'connectorId') === connectorId
  );
}

function isBeginningOf({ ext }: TransactionRow, { text }: JournalFrame): boolean {
  const bodyStart = text.indexOf('{');
  const name = tokenAt(text, bodyStart, ['transactionInfo', 'transactionId']);
  return name !== null && stringOf(name) === ext && tokenAt(text, bodyStart, ['eventType']) === '"Started"';
}
