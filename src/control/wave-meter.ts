/**
 * Counts what the journal tells of the stations of migrations that are under way, at their old backend and at their new one.
 *
 * Not pure: it follows the journal's feed, and only while there is something to count. What was counted is taken away once a second and kept with the migration.
 */
import { countAnswer, noCounts } from '../core/migration/counts.ts';
import type { Heard } from '../core/migration/events.ts';
import type { MigrationState } from '../core/migration/state.ts';
import type { FrameRecord, JournalRecord, LinkName } from '../core/journal/record.ts';
import { tokenAt } from '../protocol/splice.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { JournalFeed } from '../ports/registry.ts';

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
  counted: Map<number, { before: ReturnType<typeof noCounts>; after: ReturnType<typeof noCounts> }>;
  boots: Map<StationId, boolean>;
  answered: Set<StationId>;
  /** Stations for which something was held, or delivered. */
  touched: Set<StationId>;
}

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
      followed.set(id, { state, from: `backend:${plan.from}`, to: `backend:${plan.to}`, ...nothing() });
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
        counted: [...counted].map(([wave, { before, after }]) => ({ wave, before, after })),
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

function nothing(): Pick<Followed, 'counted' | 'boots' | 'answered' | 'touched'> {
  return { counted: new Map(), boots: new Map(), answered: new Set(), touched: new Set() };
}

function count(followed: Followed, record: JournalRecord): void {
  if (record.type === 'gap' || record.type === 'billing') return;
  const progress = followed.state.stations.get(record.station);
  if (progress === undefined) return;
  const isMoved = progress.phase === 'moved' || progress.phase === 'verified';
  const cell = (): ReturnType<typeof noCounts> => cellOf(followed, progress.wave, isMoved);
  switch (record.type) {
    case 'frame':
      if (record.link === followed.to || record.link === followed.from)
        countFrame(followed, record, progress.wave, isMoved);
      return;
    case 'dropped':
      // A command of a backend that was dropped is none of the station's calls.
      if (record.link === 'station' && (record.reason === 'expired' || record.reason === 'peer_gone'))
        cell().unanswered += 1;
      return;
    case 'held':
      followed.touched.add(record.station);
      // A copy for one that listens in was answered by another.
      if (record.message.answer !== null) cell().unanswered += 1;
      return;
    case 'delivery':
      followed.touched.add(record.station);
      return;
    case 'link': {
      const isPrimary = record.link === (isMoved ? followed.to : followed.from);
      if (record.change === 'closed' && (record.link === 'station' || isPrimary)) cell().drops += 1;
      return;
    }
    case 'sent':
    case 'skipped':
    case 'booted':
    case 'changed':
    case 'learned':
      return;
  }
}

function cellOf({ counted }: Followed, wave: number, isAfter: boolean): ReturnType<typeof noCounts> {
  let both = counted.get(wave);
  if (both === undefined) counted.set(wave, (both = { before: noCounts(), after: noCounts() }));
  return isAfter ? both.after : both.before;
}

/** An answer of either backend. That to a copy, or to what Busbar tells it by itself, says nothing but of the boot. */
function countFrame(followed: Followed, record: FrameRecord, wave: number, isMoved: boolean): void {
  const { kind, station, action, latencyMs } = record;
  const isFromNew = record.link === followed.to;
  if ((kind !== 'result' && kind !== 'error') || latencyMs === null) return;
  if (action === 'BootNotification' && isFromNew)
    followed.boots.set(station, kind === 'result' && memberOf(record, ['status']) === '"Accepted"');
  if (record.outcome !== 'relayed' && record.outcome !== 'rewritten') return;
  // It may have moved a moment ago, and the migration is yet to be told.
  if (isFromNew) followed.answered.add(station);
  // What is pinned to the old backend is still its business, and no measure of either.
  if (isFromNew !== isMoved) return;
  const counts = cellOf(followed, wave, isFromNew);
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
