/**
 * What a station must not notice of being moved (M2), and what backends are to know of it wherever it is. Told from the ledgers alone.
 *
 * Pure.
 */
import { violation, type Evidence, type Violation } from './checkers.ts';
import type { Ledger } from './ledger.ts';
import { statusesOf, type ToldStatus } from './told-statuses.ts';

/** Stations that were moved meanwhile, by the clock of the ledgers. */
export interface MoveTime {
  readonly stations: readonly string[];
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

/** What was on its way when a link closed, and a link's end when a move was. */
const underwayMs = 250;

/** M2: the link of a station that is moved stays. */
export function checkLinksKept({ stations }: Evidence, moves: readonly MoveTime[]): Violation[] {
  return moves.flatMap((move) =>
    move.stations
      .filter((station) => {
        const ledger = stations.get(station);
        return ledger === undefined || !wasOpenAt(ledger, move.beganAtMs) || linksLost(ledger, move) > 0;
      })
      .map((station) => violation('M2', station, 'the station had no link, or lost it, while moved', [])),
  );
}

/** Links that ended while a station was moved. */
export function linksLost({ entries }: Ledger, { beganAtMs, endedAtMs }: MoveTime): number {
  const isMeanwhile = (atMs: number): boolean => atMs >= beganAtMs && atMs <= endedAtMs + underwayMs;
  return entries.filter(({ type, atMs }) => type === 'closed' && isMeanwhile(atMs)).length;
}

function wasOpenAt(ledger: Ledger, atMs: number): boolean {
  return (
    ledger.entries.findLast(
      (entry) => (entry.type === 'opened' || entry.type === 'closed') && entry.atMs < atMs,
    )?.type === 'opened'
  );
}

/** What a backend knows of the connectors is what the station said last, as far as that backend was kept told: up to the end of its last link. */
export function checkStatuses({ stations, backends }: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [name, ledgers] of backends)
    for (const [station, ledger] of ledgers) {
      const source = stations.get(station);
      if (source === undefined) continue;
      const untilMs = ledger.isOpen
        ? Infinity
        : (ledger.entries.findLast(({ type }) => type === 'closed')?.atMs ?? 0);
      const known = Map.groupBy(takenOf(ledger, 'received'), ({ connector }) => connector);
      for (const [connector, said] of Map.groupBy(takenOf(source, 'sent'), (one) => one.connector)) {
        const last = said.findLast(({ atMs }) => atMs < untilMs - underwayMs);
        const right = said.filter(
          (one) => one === last || (one.atMs >= untilMs - underwayMs && one.atMs < untilMs),
        );
        const told = known.get(connector)?.at(-1);
        if (last === undefined || right.some(({ status }) => status === told?.status)) continue;
        found.push(
          violation(
            'status',
            station,
            `${name} takes connector ${connector} for ${told?.status ?? 'nothing'}`,
            [last.text, ...(told === undefined ? [] : [told.text])],
          ),
        );
      }
    }
  return found;
}

function takenOf(ledger: Ledger, calls: 'sent' | 'received'): ToldStatus[] {
  return statusesOf(ledger, calls).filter(({ takenAtMs }) => takenAtMs !== null);
}
