/**
 * Whose a station is, decided by way of its machine and read from what outlives the process.
 *
 * Not pure only in that it hands on decisions. A station that has not come back since the start has no machine; it gets one when something is decided about it.
 */
import type { TransactionRow } from '../core/ids/ledger.ts';
import type { JournalFrame } from '../core/journal/frame-view.ts';
import type { Placement } from '../core/routing/placement.ts';
import type { AssignmentMade, Assignments, PlacementSnapshot } from '../ports/assignments.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { FrameQuery, JournalReader } from '../ports/journal.ts';
import type { AssignmentDecision } from '../core/station/events.ts';
import type { History } from '../core/station/handover.ts';
import { findBackendLink } from '../core/station/find-backend.ts';
import { isoTime } from '../std/iso-time.ts';
import type { DataPlane, Driver } from './data-plane.ts';
import { historyOf, readHistory } from './transaction-history.ts';

/** What was said up to a moment ago must be on disk to be read back. */
const flushMs = 2_000;
/** How often it is read anew since the station has spoken meanwhile. */
const readsMax = 5;

/** What is on record, at once: for a world that cannot wait. */
export type Recall = (query: FrameQuery) => readonly JournalFrame[];

/** `driverOf` makes a driver where there is none; null: there is no room. `reader`: of what stations said; null: nothing is kept. `recall`, where there is one, takes its place. */
export function createAssignments(
  plane: Pick<DataPlane, 'drivers' | 'remembered' | 'placements' | 'journal'>,
  driverOf: (station: StationId) => Driver | null,
  reader: Pick<JournalReader, 'frames'> | null,
  recall: Recall | null = null,
): Assignments {
  const placementAt = (station: StationId): PlacementSnapshot | null =>
    placementSnapshot(
      (plane.drivers.get(station)?.state.durable ?? plane.remembered.get(station))?.placement ?? null,
    );
  return {
    async decide(station, decision): Promise<AssignmentMade> {
      const before = placementAt(station);
      const driver = driverOf(station);
      if (driver === null) {
        const detail = 'Busbar knows too many stations to take this one up now; try again later.';
        return { kind: 'refused', reason: 'too_many_stations', detail, before, after: before };
      }
      let history: History | null = nothingSaid;
      if (isHandover(driver, decision)) {
        if (recall !== null) history = recallSaid(driver, station, decision.primary, recall);
        else if (reader !== null) history = await readSaid(plane, driver, station, decision.primary, reader);
      }
      if (history === null) {
        const detail =
          'What the station said of its open transactions cannot be read back now, so they cannot be handed over.';
        return { kind: 'refused', reason: 'journal_failing', detail, before, after: placementAt(station) };
      }
      const told = history;
      const settled = plane.placements.decide((requestId) =>
        driver.handle({ type: 'assignment_decided', requestId, decision, ...told }),
      );
      // The machine has decided by now; what is waited for is the disk.
      const after = placementAt(station);
      return { ...((await settled) ?? unsettled), before, after };
    },
  };
}

/** One that is not refused out of hand: whoever waits for a backend to know the station asks again and again. */
function isHandover(
  { state }: Driver,
  decision: AssignmentDecision,
): decision is Extract<AssignmentDecision, { do: 'cut_over' }> {
  if (decision.do !== 'cut_over' || decision.openTransactions !== 'handover') return false;
  return findBackendLink(state, decision.primary)?.priming.phase === 'synced';
}

/** All of it up to now: read again where the station was heard of meanwhile. null: it cannot be read. */
async function readSaid(
  { journal }: Pick<DataPlane, 'journal'>,
  driver: Driver,
  station: StationId,
  to: string,
  reader: Pick<JournalReader, 'frames'>,
): Promise<History | null> {
  for (let reads = 0; reads < readsMax; reads += 1) {
    const heardAtMs = driver.state.link?.heard.heardAtMs;
    const rows = openRowsOf(driver);
    if (rows.length === 0) return nothingSaid;
    if (!(await journal.flush(flushMs))) return null;
    try {
      const history = await readHistory(reader, station, rows, to);
      if (driver.state.link?.heard.heardAtMs === heardAtMs) return history;
    } catch {
      return null;
    }
  }
  return null;
}

function recallSaid(driver: Driver, station: StationId, to: string, recall: Recall): History {
  const reading = historyOf(station, openRowsOf(driver), to);
  let next = reading.next();
  while (next.done !== true) next = reading.next(recall(next.value));
  return next.value;
}

function openRowsOf({ state }: Driver): TransactionRow[] {
  return state.durable.ids.transactions.filter((row) => row.state === 'open');
}

const nothingSaid: History = { said: [], taken: new Set(), left: new Map() };

const unsettled = {
  kind: 'refused',
  reason: 'unknown_outcome',
  detail: 'It was decided, and is not known to be on disk; look at the station again once the storage works.',
} as const;

/** What was decided of a station, for people and programs. */
export function placementSnapshot(placement: Placement | null): PlacementSnapshot | null {
  if (placement === null) return null;
  const { routed, primary, before, observers, at, ready } = placement;
  return {
    routed,
    primary,
    before,
    observers,
    since: at === 0 ? null : isoTime(at),
    ready: ready.map(({ backend, until }) => ({
      backend,
      until: until === null ? null : isoTime(until),
    })),
  };
}
