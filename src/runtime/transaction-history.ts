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
import type { LinkName } from '../core/journal/record.ts';
import { callOf } from '../core/station/call-id.ts';
import type { History } from '../core/station/handover.ts';
import type { StationId } from '../protocol/station-id.ts';
import { tokenAt } from '../protocol/splice.ts';

/** Frames of an action that are looked at: a week of readings every half minute, each of which is four. */
const framesMax = 80_000;
/** Calls that are brought: a day of them. */
const callsMax = 3_000;
const pageFrames = 1_000;
/** A clock may have been set back between a start and what followed. */
const slackMs = 60_000;

/** Reads back what the station told of them, and what `to` has taken of it. Rejects where the journal cannot be read. */
export async function readHistory(
  reader: Pick<JournalReader, 'frames'>,
  station: StationId,
  rows: readonly TransactionRow[],
  to: string,
): Promise<History> {
  const reading = historyOf(station, rows, to);
  let next = reading.next();
  while (next.done !== true) next = reading.next(await reader.frames(next.value));
  return next.value;
}

/** The same, for whoever reads: it gives queries, and is given the frames of each. */
export function* historyOf(
  station: StationId,
  rows: readonly TransactionRow[],
  to: string,
): Generator<FrameQuery, History, readonly JournalFrame[]> {
  const [one, two] = [
    rows.filter(({ family }) => family === 'v16'),
    rows.filter(({ family }) => family === 'v2'),
  ];
  const said: string[] = [];
  const sought: Sought = {
    to: `backend:${to}`,
    taken: new Set(),
    takenByOthers: new Set(),
    refused: new Set(),
    left: new Map(),
  };
  if (one.length > 0) {
    const calls = yield* readBack({ station, action: 'StartTransaction' }, one, isStartOf, sought);
    const starts = calls.filter((frame) => one.some((row) => isStartOf(row, frame)));
    const fromMs = Math.min(...calls.map(({ at }) => at), Infinity) - slackMs;
    const since = calls.length < one.length ? {} : { fromMs };
    const query = { station, action: 'MeterValues', ...since };
    const values = yield* readBack(query, one, () => false, sought);
    said.push(...[...starts, ...values].map(({ text }) => text));
  }
  if (two.length > 0) {
    const events = yield* readBack({ station, action: 'TransactionEvent' }, two, isBeginningOf, sought);
    said.push(...events.map(({ text }) => text));
  }
  const { taken, takenByOthers, refused, left } = sought;
  // The station had that answer, and has given the message up: else another would have taken it.
  for (const id of refused) if (!takenByOthers.has(id)) taken.add(id);
  return { said, taken, left };
}

/** Whose answers are looked for, and the message ids of what was found of them. */
interface Sought {
  readonly to: LinkName;
  readonly taken: Set<string>;
  readonly takenByOthers: Set<string>;
  /** The station was told so. */
  readonly refused: Set<string>;
  /** What was not taken, as it left last. */
  readonly left: Map<string, string>;
}

/** The station's calls of that action, oldest first, back to where the beginning of each transaction was found. */
function* readBack(
  query: Pick<FrameQuery, 'station' | 'action' | 'fromMs'>,
  rows: readonly TransactionRow[],
  isBeginning: (row: TransactionRow, frame: JournalFrame) => boolean,
  answers: Sought,
): Generator<FrameQuery, JournalFrame[], readonly JournalFrame[]> {
  const calls: JournalFrame[] = [];
  const sought = new Set(rows);
  let before: number | null = null;
  for (let seen = 0; seen < framesMax && sought.size > 0;) {
    const page: readonly JournalFrame[] = yield {
      ...query,
      order: 'desc',
      limit: pageFrames,
      ...(before === null ? {} : { after: before }),
    };
    const last = page.at(-1);
    if (last === undefined) break;
    seen += page.length;
    before = last.position;
    for (const frame of page) {
      if (frame.link !== 'station') look(frame, answers);
      if (frame.link !== 'station' || frame.direction !== 'in' || frame.kind !== 'call') continue;
      if (sought.size === 0) break;
      const begun = [...sought].filter((row) => isBeginning(row, frame));
      for (const row of begun) sought.delete(row);
      if (calls.length < callsMax || begun.length > 0) calls.push(frame);
    }
  }
  return calls.toReversed();
}

/** What a frame on a backend's link says of what that backend has: the ids of a message begin alike on all its ways, in all processes. Newest first. */
function look(
  { link, direction, kind, messageId, text, outcome }: JournalFrame,
  { to, taken, takenByOthers, refused, left }: Sought,
): void {
  if (messageId === null) return;
  const call = callOf(messageId);
  if (direction === 'in' && kind === 'result') (link === to ? taken : takenByOthers).add(call);
  if (link !== to) return;
  if (direction === 'in' && kind === 'error' && outcome === 'relayed') refused.add(call);
  if (direction === 'out' && kind === 'call' && !taken.has(call) && !left.has(call)) left.set(call, text);
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
