/**
 * Does a connected station still belong where it is?
 *
 * Pure. Asked when the routes changed and when a station said what it is. Its link stays unless its primary is another, or has to be dialled anew: then it is
 * closed, and the station comes back by the new route.
 */
import { isForwarded } from '../commands/authority.ts';
import { payloadReader } from '../commands/payload.ts';
import { isStanding, place } from '../routing/placement.ts';
import { assign, type Assignment, type StationFacts } from '../routing/table.ts';
import { askerOf } from './command-facts.ts';
import { bodyOf, refuseQueued } from './command-outcome.ts';
import { factsOf, findBackendLink } from './find-backend.ts';
import { tellMore } from './own-calls.ts';
import { hearsMore } from './roles.ts';
import { attachListeners, closeCode, closeStation } from './station-link.ts';
import type { StationState, WaitingCommand } from './state.ts';
import { notice, recordDurably, type Turn } from './turn.ts';

/** What the routes may ask about this station. */
export function stationFacts(state: StationState, turn: Turn): StationFacts {
  const { boot } = state.durable;
  return {
    id: state.id,
    tags: turn.context.tagsOf(state.id),
    vendor: boot?.vendor ?? null,
    model: boot?.model ?? null,
    firmware: boot?.firmware ?? null,
  };
}

/** Whose the station is: by its route, and by what was decided beside it. null: no route takes it. */
export function assignmentOf(state: StationState, turn: Turn): Assignment | null {
  const routed = assign(turn.context.routing, stationFacts(state, turn));
  return routed === null ? null : place(routed, state.durable.placement);
}

/** A route that says a third backend has the last word: what was decided before does not count any more, also when the route goes back. */
export function forgetOverruled(state: StationState, turn: Turn): void {
  const { placement } = state.durable;
  if (placement === null || !turn.context.isJournalWritable) return;
  const routed = assign(turn.context.routing, stationFacts(state, turn));
  if (routed === null || isStanding(routed, placement)) return;
  const change = { what: 'placed', placement: null } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
}

/** True when the station's primary is another now, or has to be dialled anew. */
export function isMisplaced(state: StationState, turn: Turn): boolean {
  const { assignment } = state;
  if (assignment === null) return false;
  const wanted = assignmentOf(state, turn);
  if (wanted === null || wanted.primary !== assignment.primary) return true;
  const primary = findBackendLink(state, wanted.primary);
  // Nobody would answer it any more.
  if (!wanted.whenDown.covers && primary?.phase !== 'open') return true;
  return (
    primary !== null &&
    primary.phase === 'open' &&
    primary.revision !== factsOf(turn, wanted.primary)?.revision
  );
}

/** Puts the connected station where its route wants it: by closing its link, or by attaching other authorities for single actions. */
export function followRoutes(state: StationState, turn: Turn): void {
  if (state.link === null) return;
  if (isMisplaced(state, turn)) {
    notice(turn, 'moved_by_route');
    return closeStation(state, turn, closeCode.restart, 'moved_by_route');
  }
  reassign(state, turn, assignmentOf(state, turn));
  attachListeners(state, turn);
}

/**
 * Another assignment counts from here on, also for commands that wait for the station: what was granted when they came may be so no more. Whoever hears more of the station by it is told
 * how that is.
 */
export function reassign(state: StationState, turn: Turn, assignment: Assignment | null): void {
  const waiting = [...((state.link ?? state.grace)?.lane ?? [])];
  const allowed = new Set(waiting.filter((command) => isAllowed(state, command)));
  const before = state.assignment;
  state.assignment = assignment;
  for (const backend of state.backends)
    if (hearsMore(before, assignment, backend.backend)) tellMore(state, turn, backend);
  if (allowed.size > 0)
    refuseQueued(state, turn, (command) => allowed.has(command) && !isAllowed(state, command));
}

function isAllowed(state: StationState, command: WaitingCommand): boolean {
  const { purpose, from, action } = command;
  if (purpose !== 'relay') return true;
  return isForwarded(askerOf(state, { backend: from }), action, payloadReader(bodyOf(command)));
}
