/**
 * Whose the station is from now on: a cutover, its undoing, who listens in beside the route, and who is kept ready for a cutover.
 *
 * Pure. One record is the whole of it: what the station said before belongs to the primary before, what it says after to the new one, and messages of a transaction or a report
 * follow whoever has that. The station is sent nothing, and its link stays (M2). Only a backend that knows the station takes it over (M5).
 *
 * Who listens in is decided with whose it is, in the same record: where the primary stays, no link of the station or its primary is touched. It lasts as the placement does, until a route that
 * gives the station to a third backend overrules it, or somebody decides anew. To take a cutover back is to go back to who listened before it, too; a change of observers alone is no cutover and
 * has nothing to undo.
 */
import { isAboutOwned } from '../commands/authority.ts';
import { payloadReader } from '../commands/payload.ts';
import { tryAgain } from '../priming/priming.ts';
import {
  areSameObservers,
  isStanding,
  placedObservers,
  type PlacedObserver,
  type Placement,
  type ReadyBackend,
} from '../routing/placement.ts';
import { assign, type Assignment } from '../routing/table.ts';
import { pumpCalls } from './backend-lane.ts';
import { copiesWaiting } from './copies.ts';
import { coversFor } from './covering.ts';
import { letGo } from './backend-link.ts';
import { bodyOf, refuseQueued } from './command-outcome.ts';
import { refusePending } from './arrival.ts';
import type { AssignmentDecision, AssignmentOutcome, AssignmentRefusal } from './events.ts';
import { factsOf, findBackendLink } from './find-backend.ts';
import { closeBackends } from './grace.ts';
import { handOver, type History } from './handover.ts';
import { heldLaneOf } from './holding.ts';
import { hindranceOf } from './hindrance.ts';
import { hearAs } from './missed.ts';
import { isGivenUp } from './liveness.ts';
import { askAtOnce, speakToOldPrimary } from './own-calls.ts';
import { faultsOfObservers } from './observers-asked.ts';
import { hearsAll, owns, roleOf } from './roles.ts';
import { hasRoom } from './room.ts';
import { assignmentOf, reassign, stationFacts } from './rerouting.ts';
import type { BackendLink, StationState } from './state.ts';
import { attachListeners, closeCode } from './station-link.ts';
import { recordDurably, type Turn } from './turn.ts';

export function onAssignmentDecided(
  state: StationState,
  turn: Turn,
  requestId: number,
  decision: AssignmentDecision,
  history: History,
): void {
  const outcome = decide(state, turn, decision, history);
  turn.effects.push({ type: 'assignment_settled', requestId, outcome });
}

type CutOver = Extract<AssignmentDecision, { do: 'cut_over' }>;

function decide(
  state: StationState,
  turn: Turn,
  decision: AssignmentDecision,
  history: History,
): AssignmentOutcome {
  const now = assignmentOf(state, turn);
  if (now === null) return refused('not_routed', 'No route takes this station; add one that does.');
  if (!turn.context.isJournalWritable)
    return refused('journal_failing', 'The journal cannot be written now, so nothing can be decided.');
  switch (decision.do) {
    case 'attach':
      return attach(state, turn, now, decision.backend);
    case 'detach':
      return detach(state, turn, now, decision.backend);
    case 'cut_over':
      return cutOver(state, turn, now, decision, history);
    case 'roll_back':
      return rollBack(state, turn, now);
  }
}

function attach(state: StationState, turn: Turn, now: Assignment, backend: string): AssignmentOutcome {
  const impossible = whyImpossible(state, turn, backend);
  if (impossible !== null) return impossible;
  const before = placementOf(state, turn, now);
  const isReady = before.ready.some((ready) => ready.backend === backend && ready.until === null);
  if (backend === now.primary) return unchanged;
  const link = findBackendLink(state, backend);
  if (link?.phase === 'open') {
    tryAgain(link.priming, turn.context.nowMs);
    if (!isHeeding(link)) askAtOnce(turn, link);
    pumpCalls(state, turn, link);
  }
  if (isReady) return unchanged;
  put(state, turn, { ...before, ready: [...without(before.ready, backend), { backend, until: null }] });
  return done;
}

function detach(state: StationState, turn: Turn, now: Assignment, backend: string): AssignmentOutcome {
  if (backend === now.primary)
    return refused('is_primary', `${backend} is the primary of this station; move the station first.`);
  const before = placementOf(state, turn, now);
  if (!before.ready.some((ready) => ready.backend === backend)) return unchanged;
  put(state, turn, released(before, [backend]));
  return done;
}

function cutOver(
  state: StationState,
  turn: Turn,
  now: Assignment,
  decision: CutOver,
  history: History,
): AssignmentOutcome {
  const { primary, openTransactions, keepWarmMs, isForced } = decision;
  const impossible = primary === now.primary ? null : whyImpossible(state, turn, primary);
  if (impossible !== null) return impossible;
  const before = placementOf(state, turn, now);
  const unfit = whyUnfit(state, turn, { now, routed: before.routed }, decision);
  if (unfit !== null) return unfit;
  const observers = observersOf(decision, before);
  if (primary === now.primary) {
    if (areSameObservers(observers, before.observers)) return unchanged;
    put(state, turn, { ...before, observers });
    return done;
  }
  if (state.link === null)
    return refused('not_connected', 'The station is not connected; it is moved once it is back.');
  const to = findBackendLink(state, primary);
  if (to?.phase !== 'open' || !isFit(to) || !hearsAll(state, primary)) {
    attach(state, turn, now, primary);
    return refused('not_synced', whyUnready(primary, to));
  }
  // Else the station's calls would wait behind what it is told as a listener.
  const copies = copiesWaiting(to);
  if (!isForced && copies > 0) {
    const what = copies === 1 ? 'a copy' : `${copies} copies`;
    const detail = `${primary} has yet to take ${what} of what the station said; the station is moved once it has.`;
    return refused('not_synced', detail);
  }
  // Else Busbar would answer the station until it has what is before it in a transaction, though both backends are there.
  if (!isForced && (heldLaneOf(state, primary)?.next(turn.context.wallMs) ?? null) !== null) {
    const detail = `${primary} has yet to take what is held for it; the station is moved once it has.`;
    return refused('not_synced', detail);
  }
  const hindrance = isForced ? null : hindranceOf(state, turn, now.primary);
  if (hindrance !== null) return refused(hindrance.reason, hindrance.detail);
  if (openTransactions === 'wait' && owns(state, now.primary)) {
    const detail = `A transaction of ${now.primary} is open; the station is moved once it has ended.`;
    return refused('transaction_open', detail);
  }
  if (openTransactions === 'handover' && owns(state, now.primary) && !hasRoom(state, turn, to)) {
    const detail = `As much is held for ${primary}, or in all, as may be (limits.heldPerStation, limits.heldBytes), and open transactions find no room behind it; they are handed over once it has taken some.`;
    return refused('not_synced', detail);
  }
  if (openTransactions === 'handover') handOver(state, turn, now.primary, to, history);
  const { wallMs } = turn.context;
  const ready = without(without(before.ready, primary), now.primary);
  if (keepWarmMs > 0) ready.push({ backend: now.primary, until: wallMs + keepWarmMs });
  exchange(state, turn, now.primary, {
    ...before,
    primary,
    before: keepWarmMs > 0 ? now.primary : null,
    observers,
    observersBefore: keepWarmMs > 0 ? before.observers : null,
    at: wallMs,
    keepWarmMs,
    ready,
  });
  return done;
}

function whyUnfit(
  state: StationState,
  turn: Turn,
  where: { readonly now: Assignment; readonly routed: string },
  { primary, observers = 'routed' }: CutOver,
): AssignmentOutcome | null {
  if (observers === 'routed') return null;
  const faults = faultsOfObservers(state, turn, { ...where, primary }, observers);
  if (faults.length === 0) return null;
  const detail = faults
    .map(({ path, what, remedy }) => `${['observers', ...path].join('.')}: ${what}; ${remedy}.`)
    .join(' ');
  return { kind: 'refused', reason: 'observers_unfit', detail, faults };
}

/** Who listens in from then on. */
function observersOf({ primary, observers }: CutOver, before: Placement): readonly PlacedObserver[] | null {
  if (observers === 'routed') return null;
  if (observers !== undefined) return placedObservers(observers);
  return before.observers?.filter(({ backend }) => backend !== primary) ?? null;
}

/** What is undone needs no proof that it works: the station was there before. So it is undone also while the station, or the backend it was moved to, is away. */
function rollBack(state: StationState, turn: Turn, now: Assignment): AssignmentOutcome {
  const before = placementOf(state, turn, now);
  if (before.before === null)
    return refused(
      'nothing_to_undo',
      `There is no cutover of this station to undo: it is at ${now.primary}, and was not moved there, or longer ago than the backend before is kept ready (keepOldWarm).`,
    );
  const impossible = whyImpossible(state, turn, before.before);
  if (impossible !== null) return impossible;
  const to = findBackendLink(state, before.before);
  const mayStandIn = to === null ? now.whenDown.covers : coversFor(state, turn, to);
  if (state.link !== null && to?.phase !== 'open' && !mayStandIn) {
    // The station would be closed for it, and come back to a backend that is not there.
    const detail = `${before.before} cannot be reached, and the station stays where it is until it can: ${readinessOf(to)}.`;
    return refused('not_synced', detail);
  }
  const { wallMs } = turn.context;
  const until = wallMs + before.keepWarmMs;
  const ready = [
    ...without(without(before.ready, before.before), now.primary),
    { backend: now.primary, until },
  ];
  exchange(state, turn, now.primary, {
    ...before,
    primary: before.before,
    before: null,
    observers: before.observersBefore,
    observersBefore: null,
    at: wallMs,
    ready,
  });
  return done;
}

/** The backend cannot be the primary of this station, whatever it knows. */
function whyImpossible(
  { link, durable }: StationState,
  turn: Turn,
  backend: string,
): AssignmentOutcome | null {
  const facts = factsOf(turn, backend);
  if (facts === null)
    return refused('unknown_backend', `No backend is called ${backend}; add it to the configuration first.`);
  const version = link?.version ?? durable.version;
  if (version === null || facts.versions.includes(version)) return null;
  const detail = `The station speaks ${version}, and ${backend} speaks ${facts.versions.join(', ')}.`;
  return refused('wrong_version', detail);
}

/** Another is the primary from here on. */
function exchange(state: StationState, turn: Turn, from: string, placement: Placement): void {
  refusePending(state, turn, 503, 'The station has just been moved.', 1);
  if (state.link === null) closeBackends(state, turn, 'station_moved');
  answerQueued(state, turn, from);
  const old = findBackendLink(state, from);
  const to = findBackendLink(state, placement.primary);
  const isSynced = to?.phase === 'open' && to.priming.phase === 'synced' && !to.hasMissed;
  const hasListened = isSynced && hearsAll(state, placement.primary);
  if (state.link !== null) hearAs(state, turn, placement.primary, hasListened);
  put(state, turn, { ...placement, routed: routedTo(state, turn) ?? placement.routed });
  if (old !== null) speakToOldPrimary(state, turn, old);
  // Until it has answered, Busbar answers the station.
  if (to !== null && isGivenUp(to)) askAtOnce(turn, to);
  for (const link of [old, to]) if (link !== null) pumpCalls(state, turn, link);
}

/** Commands of the primary before that wait for the station: it is not in charge any more, but of what is its own. */
function answerQueued(state: StationState, turn: Turn, from: string): void {
  refuseQueued(
    state,
    turn,
    (command) => command.from === from && !isAboutOwned(command.action, payloadReader(bodyOf(command))),
  );
}

/** Keeps what was decided, and opens and closes links by it. */
function put(state: StationState, turn: Turn, placement: Placement): void {
  const { routed, primary, ready, observers } = placement;
  const isPlain = primary === routed && ready.length === 0 && observers === null;
  const change = { what: 'placed', placement: isPlain ? null : placement } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
  const assignment = assignmentOf(state, turn);
  if (state.assignment !== null) reassign(state, turn, assignment);
  // One that is waited for is not told anything by who is nothing to it any more, nor asked.
  if (state.grace !== null)
    for (const backend of state.backends)
      if (roleOf(state, backend.backend) === null)
        letGo(state, turn, backend, closeCode.goingAway, 'not_routed_here');
  const { arrival } = state;
  // A station at the door of the same primary comes in by what holds now.
  if (arrival !== null && arrival.assignment.primary === assignment?.primary) arrival.assignment = assignment;
  attachListeners(state, turn);
}

/** What was decided so far; where that is nothing, what the route says. */
function placementOf(state: StationState, turn: Turn, now: Assignment): Placement {
  const { placement } = state.durable;
  const routed = routedTo(state, turn) ?? now.primary;
  if (placement !== null && isStanding({ primary: routed }, placement)) return placement;
  const nothing = { before: null, observers: null, observersBefore: null, at: 0, keepWarmMs: 0, ready: [] };
  return { routed, primary: now.primary, ...nothing };
}

/** Whose the station is by its route alone, as that is now: it may have followed the station since that was moved. */
function routedTo(state: StationState, turn: Turn): string | null {
  return assign(turn.context.routing, stationFacts(state, turn))?.primary ?? null;
}

/** Lets go of backends whose time as a standby is over. */
export function tendPlacement(state: StationState, turn: Turn): void {
  const { placement } = state.durable;
  if (placement === null || !turn.context.isJournalWritable) return;
  const over = placement.ready.filter(({ until }) => until !== null && until <= turn.context.wallMs);
  if (over.length > 0)
    put(
      state,
      turn,
      released(
        placement,
        over.map(({ backend }) => backend),
      ),
    );
}

/** When the next of them is over, by the monotonic clock. A station that is away has nobody to let go of. */
export function placementDueMs({ link, durable }: StationState, { context }: Turn): number {
  if (link === null || durable.placement === null || !context.isJournalWritable) return Infinity;
  let dueMs = Infinity;
  for (const { until } of durable.placement.ready)
    if (until !== null) dueMs = Math.min(dueMs, context.nowMs + Math.max(1, until - context.wallMs));
  return dueMs;
}

/** Nobody is moved back to a backend that is not kept ready any more. */
function released(placement: Placement, backends: readonly string[]): Placement {
  const { before, observersBefore, ready } = placement;
  const isOver = before === null || backends.includes(before);
  return {
    ...placement,
    before: isOver ? null : before,
    observersBefore: isOver ? null : observersBefore,
    ready: ready.filter(({ backend }) => !backends.includes(backend)),
  };
}

function without(ready: readonly ReadyBackend[], backend: string): ReadyBackend[] {
  return ready.filter((one) => one.backend !== backend);
}

/** It knows the station, and answers: else Busbar would answer the station from the first moment on. */
function isFit(link: BackendLink): boolean {
  return link.priming.phase === 'synced' && isHeeding(link);
}

/** It answers, and has missed nothing. */
function isHeeding(link: BackendLink): boolean {
  return !isGivenUp(link) && !link.hasMissed;
}

function whyUnready(primary: string, link: BackendLink | null): string {
  if (link?.phase !== 'open' || link.priming.phase !== 'synced' || isHeeding(link))
    return `${primary} does not know the station yet: ${readinessOf(link)}.`;
  return isGivenUp(link)
    ? `${primary} knows the station, but leaves its calls unanswered or answers with errors only; it is asked by a heartbeat, and the station is moved once it has answered.`
    : `${primary} has yet to be told what Busbar answered in its place; the station is moved once it has been.`;
}

function readinessOf(link: BackendLink | null): string {
  if (link === null || link.phase !== 'open')
    return link?.lastError == null ? 'its link is being opened' : `its link is not open (${link.lastError})`;
  const { phase, reason } = link.priming;
  return reason === null ? `it is ${phase}` : `it is ${phase} (${reason})`;
}

const done: AssignmentOutcome = { kind: 'done', isChanged: true };
const unchanged: AssignmentOutcome = { kind: 'done', isChanged: false };

function refused(reason: AssignmentRefusal, detail: string): AssignmentOutcome {
  return { kind: 'refused', reason, detail };
}
