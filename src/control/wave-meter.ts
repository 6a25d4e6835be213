/**
 * Counts what the journal tells of the stations of migrations that are under way, at their old backend and at their new one.
 *
 * Not pure: it follows the journal's feed, and only while there is something to count. What was counted is taken away once a second and kept with the migration.
 */
import { isHeldLater } from '../core/cover/later.ts';
import { countAnswer, noCounts, noSessions } from '../core/migration/counts.ts';
import type { Counted, Heard } from '../core/migration/events.ts';
import type { MigrationState } from '../core/migration/state.ts';
import type {
  DroppedRecord,
  FrameRecord,
  JournalRecord,
  LinkName,
  SentRecord,
} from '../core/journal/record.ts';
import { tokenAt } from '../protocol/splice.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { JournalFeed } from '../ports/registry.ts';
import { countSessions, type SessionWatch } from './session-count.ts';

export interface WaveMeter {
  /** Counts for this migration from now on. */
  follow(state: MigrationState): void;
  forget(id: string): void;
  /** What was counted since the last time; nothing for one that is not followed. `undelivered` is for others to find. */
  take(id: string): Heard & { readonly touched: ReadonlySet<StationId> };
  close(): void;
}

interface Followed {
  readonly state: MigrationState;
  readonly from: LinkName;
  readonly to: LinkName;
  readonly watch: SessionWatch;
  counted: Map<number, Cell>;
  boots: Map<StationId, boolean>;
  answered: Set<StationId>;
  /** Stations for which something was held, or delivered. */
  touched: Set<StationId>;
  /** Whose call was given up right before, unsent: the error or the end that its station gets for it is of the same call. */
  gaveUp: StationId | null;
  /** Whose call Busbar has just answered in the place of a backend that never got it: what is held of it follows. */
  covered: StationId | null;
  /** The call of a station that is out to one of the two backends: there is one at most. */
  readonly out: Map<StationId, OpenCall>;
  /** A call that is about to leave in other words than it came in. */
  leaving: { readonly station: StationId; readonly id: string } | null;
}

/** `id`: as its station gave it; null: it had to wait, and which of those that waited it is is not told. */
interface OpenCall {
  readonly link: LinkName;
  readonly id: string | null;
}

type Cell = Omit<Counted, 'wave'>;

export function createWaveMeter(feed: JournalFeed): WaveMeter {
  const followed = new Map<string, Followed>();
  let stop: (() => void) | null = null;
  const rest = (): void => {
    if (followed.size > 0) return;
    stop?.();
    stop = null;
  };
  return {
    follow(state) {
      const { id, plan } = state.head;
      if (followed.get(id)?.state === state) return;
      const { from, to } = plan;
      const watch = { from, to, moved: wavesMoved(state), isThere: new Map<StationId, boolean>() };
      followed.set(id, {
        state,
        from: `backend:${from}`,
        to: `backend:${to}`,
        watch,
        gaveUp: null,
        covered: null,
        out: new Map(),
        leaving: null,
        ...nothing(),
      });
      stop ??= feed.subscribe((record) => {
        for (const each of followed.values()) count(each, record);
      });
    },
    forget(id) {
      followed.delete(id);
      rest();
    },
    take(id) {
      const each = followed.get(id);
      const { counted, boots, answered, touched } = each ?? nothing();
      if (each !== undefined) Object.assign(each, nothing());
      return {
        counted: [...counted].map(([wave, { before, after, sessions }]) => ({
          wave,
          before,
          after,
          sessions,
        })),
        undelivered: [],
        boots: [...boots].map(([station, isAccepted]) => ({ station, isAccepted })),
        answered: [...answered],
        touched,
      };
    },
    close() {
      followed.clear();
      rest();
    },
  };
}

/** Before the process was started, too. */
function wavesMoved({ head }: MigrationState): Set<number> {
  return new Set(head.waves.flatMap(({ sessions }, wave) => (sessions.since === null ? [] : [wave])));
}

function nothing(): Pick<Followed, 'counted' | 'boots' | 'answered' | 'touched'> {
  return { counted: new Map(), boots: new Map(), answered: new Set(), touched: new Set() };
}

function count(followed: Followed, record: JournalRecord): void {
  if (record.type === 'gap' || record.type === 'billing') return;
  const progress = followed.state.stations.get(record.station);
  if (progress === undefined) return;
  const isMoved = progress.phase === 'moved' || progress.phase === 'verified';
  const { wave } = progress;
  const isTheSame = followed.gaveUp === record.station;
  followed.gaveUp = null;
  const cell = (): ReturnType<typeof noCounts> => sideOf(followed, wave, isMoved);
  const { plan, waves } = followed.state.head;
  const primary = isMoved ? plan.to : plan.from;
  const primaryLink = isMoved ? followed.to : followed.from;
  switch (record.type) {
    case 'frame':
      noteOut(followed, record);
      noteCovered(followed, record, record.link === 'station' && record.outcome === 'covered', cell);
      if (record.link === followed.to || record.link === followed.from)
        countFrame(followed, record, wave, isMoved);
      return;
    case 'dropped':
      noteCovered(followed, record, record.link === 'station' && record.reason === 'covered', cell);
      // A command of a backend that was dropped is none of the station's calls.
      if (record.link !== 'station' || (record.reason !== 'expired' && record.reason !== 'peer_gone')) return;
      cell().unanswered += 1;
      followed.gaveUp = record.station;
      return;
    case 'held':
      followed.touched.add(record.station);
      // A copy for one that listens in, and what the route leaves to Busbar, is nothing that a backend left unanswered; what is pinned to the old one is no measure of the new one.
      if (followed.covered === record.station && record.message.backend === primary) cell().unanswered += 1;
      followed.covered = null;
      return;
    case 'delivery':
      followed.touched.add(record.station);
      return;
    case 'link': {
      const isOut = endOut(followed, record.station, record.link);
      // Busbar's own end is no end of theirs.
      if (record.reason === 'shutting_down') return;
      const isPrimary = record.link === primaryLink;
      if (record.change === 'closed' && isPrimary && isOut) cell().unanswered += 1;
      if (
        record.change === 'closed' &&
        record.reason === 'backend_silent' &&
        record.link === 'station' &&
        !isTheSame
      )
        cell().unanswered += 1;
      // Closed since its station's has ended, and that is counted.
      const isFollowing = record.reason === 'station_gone' || record.reason === 'station_reconnects';
      const isLost = record.link === 'station' || (isPrimary && !isFollowing);
      if (record.change === 'closed' && isLost) cell().drops += 1;
      return;
    }
    case 'changed':
      // Moved by a route, which tells nothing of it, or right before a crash.
      if ((waves[wave]?.firstMoveAt ?? null) !== null) followed.watch.moved.add(wave);
      countSessions(followed.watch, record, { wave, isMoved }, () => cellOf(followed, wave).sessions);
      return;
    case 'sent':
      // Busbar answers in the place of the backend that has the call.
      if (answeredBy(followed, record) === primaryLink && !isTheSame) cell().unanswered += 1;
      return;
    case 'skipped':
    case 'booted':
    case 'learned':
      return;
  }
}

/** Counts a call that never left, unless what is held of it is to tell for which backend it was. */
function noteCovered(
  followed: Followed,
  { station, action }: FrameRecord | DroppedRecord,
  isCovered: boolean,
  cell: () => ReturnType<typeof noCounts>,
): void {
  const isHeld = isCovered && isHeldLater(action ?? '');
  followed.covered = isHeld ? station : null;
  if (isCovered && !isHeld) cell().unanswered += 1;
}

/** Follows which call is out: it leaves as it came, or in another step or other words, and its backend answers it. */
function noteOut(followed: Followed, record: FrameRecord): void {
  const { out, from, to } = followed;
  const { station, link, kind, outcome, relayedTo } = record;
  followed.leaving = null;
  if (link !== 'station') {
    if (
      (outcome === 'relayed' || outcome === 'rewritten') &&
      out.get(station)?.link === link &&
      isReply(kind)
    )
      out.delete(station);
    return;
  }
  if (kind !== 'call') return;
  if (outcome === 'rewritten') followed.leaving = { station, id: idOf(record) };
  if (relayedTo === from || relayedTo === to) out.set(station, { link: relayedTo, id: idOf(record) });
}

/** The link that a call is out on which Busbar answers with this; null: it is no such answer. */
function answeredBy(followed: Followed, record: SentRecord): LinkName | null {
  const { out, leaving, from, to } = followed;
  const { station, link, kind, purpose } = record;
  followed.leaving = null;
  if (kind === 'call' && purpose === 'relay' && (link === from || link === to))
    out.set(station, { link, id: leaving?.station === station ? leaving.id : null });
  const open = out.get(station);
  if (link !== 'station' || !isReply(kind) || open === undefined) return null;
  if (open.id !== null && open.id !== idOf(record)) return null;
  out.delete(station);
  return open.link;
}

/** Whether a call was out on the link that opens or ends. Nobody waits for it any more once its station's has. */
function endOut({ out }: Followed, station: StationId, link: LinkName): boolean {
  const isOut = out.get(station)?.link === link;
  if (isOut || link === 'station') out.delete(station);
  return isOut;
}

function isReply(kind: FrameRecord['kind']): boolean {
  return kind === 'result' || kind === 'error';
}

function idOf({ text, idStart, idEnd }: FrameRecord | SentRecord): string {
  return text.slice(idStart, idEnd);
}

function cellOf({ counted }: Followed, wave: number): Cell {
  let cell = counted.get(wave);
  if (cell === undefined)
    counted.set(wave, (cell = { before: noCounts(), after: noCounts(), sessions: noSessions() }));
  return cell;
}

function sideOf(followed: Followed, wave: number, isAfter: boolean): ReturnType<typeof noCounts> {
  const { before, after } = cellOf(followed, wave);
  return isAfter ? after : before;
}

/** An answer of either backend. That to a copy, or to what Busbar tells it by itself, says nothing but of the boot. */
function countFrame(followed: Followed, record: FrameRecord, wave: number, isMoved: boolean): void {
  const { kind, station, action, latencyMs } = record;
  const isFromNew = record.link === followed.to;
  if (!isReply(kind) || latencyMs === null) return;
  if (action === 'BootNotification' && isFromNew)
    followed.boots.set(station, kind === 'result' && memberOf(record, ['status']) === '"Accepted"');
  if (record.outcome !== 'relayed' && record.outcome !== 'rewritten') return;
  // It may have moved a moment ago, and the migration is yet to be told.
  if (isFromNew) followed.answered.add(station);
  // What is pinned to the old backend is still its business, and no measure of either.
  if (isFromNew !== isMoved) return;
  const counts = sideOf(followed, wave, isFromNew);
  counts.answered += 1;
  countAnswer(counts, latencyMs);
  if (kind === 'error') counts.errors += 1;
  else if (asks.has(action ?? '')) countVerdict(counts, record);
}

/** Answers in which a backend may say what it thinks of a driver. */
const asks = new Set(['Authorize', 'StartTransaction', 'TransactionEvent']);

function countVerdict(counts: ReturnType<typeof noCounts>, record: FrameRecord): void {
  const status = memberOf(record, ['idTagInfo', 'status']) ?? memberOf(record, ['idTokenInfo', 'status']);
  if (status === null) return;
  counts.asked += 1;
  if (status === '"Accepted"') counts.accepted += 1;
}

/** A member of a result's payload, as JSON; null: there is none. */
function memberOf({ text, idEnd }: FrameRecord, path: readonly string[]): string | null {
  const payload = text.indexOf('{', idEnd);
  return payload === -1 ? null : tokenAt(text, payload, path);
}
