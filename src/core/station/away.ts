/**
 * Delivering what is held for a station that is away.
 *
 * Pure. Backends see within a moment that a station is gone, since its links are closed soon after; but what it has said before is owed to them, and it may never come back.
 * So after a while a link is opened for the delivery alone: it carries what is held, nothing of it is answered by the station, and commands on it are refused. It is closed
 * when there is no more to deliver. Copies wait for the station, but not for ever: nobody bills by them, and it may be gone for good.
 */
import { backendLinkOf, dial, letGo } from './backend-link.ts';
import { dropCopies } from './copies.ts';
import { factsOf } from './find-backend.ts';
import type { HeldLane } from '../hold/held-lane.ts';
import { heldLaneOf } from './holding.ts';
import type { StationState } from './state.ts';
import { closeCode } from './station-link.ts';
import type { Turn } from './turn.ts';

/** How long a station may be away before its messages are delivered without it. */
const awayMs = 60_000;
/** How long it may be away before copies of what it said are given up. */
const copiesMs = 30 * 86_400_000;

/** Opens links for what is to be delivered. */
export function deliverAway(state: StationState, turn: Turn): void {
  const { wallMs, isJournalWritable } = turn.context;
  if (!isAway(state) || startsAt(state, wallMs) > wallMs) return;
  if (isJournalWritable && copiesEndAt(state) <= wallMs) dropCopies(state, turn, [...state.held]);
  for (const lane of state.held) reach(state, turn, lane);
}

/** Closes the links of a station that is away once they have nothing more to carry. */
export function endDelivery(state: StationState, turn: Turn): void {
  if (state.link !== null || state.arrival !== null || state.grace !== null) return;
  for (const backend of state.backends) {
    const lane = heldLaneOf(state, backend.backend);
    if (backend.phase === 'dialling' && (lane === null || lane.owed === 0))
      letGo(state, turn, backend, closeCode.goingAway, 'delivered');
    if (backend.phase !== 'open' || backend.slot !== null) continue;
    // The late answer to what went unanswered comes by this link or not at all.
    if (lane?.isAwaitedOn(backend.epoch) === true) continue;
    if (lane === null || lane.owed === 0 || lane.next(turn.context.wallMs) === null)
      letGo(state, turn, backend, closeCode.goingAway, 'delivered');
  }
}

/** The configuration is another, and the station is away: what is out on a link that stays as it is may be taken just now, and is not to leave once more. */
export function letGoReconfigured(state: StationState, turn: Turn): void {
  for (const backend of state.backends)
    if (backend.revision !== factsOf(turn, backend.backend)?.revision)
      letGo(state, turn, backend, closeCode.goingAway, 'not_routed_here');
}

function reach(state: StationState, turn: Turn, lane: HeldLane): void {
  const facts = factsOf(turn, lane.backend);
  const { version } = state.durable;
  const { nowMs, wallMs } = turn.context;
  if (facts === null || version === null || lane.owed === 0 || lane.next(wallMs) === null) return;
  if (!facts.versions.includes(version)) return;
  const backend = backendLinkOf(state, lane.backend);
  const isDue = backend.phase === 'idle' || (backend.phase === 'waiting' && backend.redialAtMs <= nowMs);
  if (isDue) dial(turn, backend, facts, version);
}

/** When that is to be looked at next, by the monotonic clock. */
export function awayDueMs(state: StationState, turn: Turn): number {
  if (!isAway(state)) return Infinity;
  const { nowMs, wallMs } = turn.context;
  let dueMs = Infinity;
  for (const lane of state.held) {
    if (lane.owed < lane.length) dueMs = Math.min(dueMs, nowMs + copiesEndAt(state) - wallMs);
    if (lane.owed === 0) continue;
    const readyAt = Math.max(
      startsAt(state, wallMs),
      lane.next(wallMs) === null ? lane.nextRetryAt() : wallMs,
    );
    const backend = state.backends.find((link) => link.backend === lane.backend);
    const redialMs = backend?.phase === 'waiting' ? backend.redialAtMs : 0;
    if (backend?.phase !== 'dialling' && backend?.phase !== 'open')
      dueMs = Math.min(dueMs, Math.max(nowMs + readyAt - wallMs, redialMs));
  }
  // What could not be begun now, for a version or a backend that is not there, is looked at now and then.
  return dueMs > nowMs ? dueMs : nowMs + awayMs;
}

function isAway({ link, grace, arrival, drain, held }: StationState): boolean {
  return link === null && grace === null && arrival === null && drain === null && held.length > 0;
}

/** Wall clock. One that went at a time still to come went while the clock was ahead, however long ago that is. */
function startsAt({ durable }: StationState, wallMs: number): number {
  const seenAt = durable.lastSeenAt ?? 0;
  return seenAt > wallMs ? wallMs : seenAt + awayMs;
}

/** Wall clock. */
function copiesEndAt({ durable }: StationState): number {
  return (durable.lastSeenAt ?? 0) + copiesMs;
}
