/**
 * What must hold of a station between any two steps, whatever came.
 *
 * Pure. Asserted after every step, in production too: a machine that broke one of these would wedge or mix up its callers, so it ends here, its links
 * are cut, and the station keeps what was not answered. A handful of comparisons a step.
 */
import { assert } from '../../std/assert.ts';
import { isOwed, roleOf } from './roles.ts';
import { laneDepth } from './slot.ts';
import type { BackendLink, PendingArrival, StationLink, StationState } from './state.ts';

export function assertConsistent(state: StationState): void {
  const { link, grace, arrival, backends } = state;
  if (link !== null) assertConnected(state, link);
  if (arrival !== null) assertPending(state, arrival);
  if (grace !== null) assertAwaited(state);
  for (const backend of backends) {
    assertBackend(state, backend);
    if (link === null && grace === null && arrival === null)
      assert(
        backend.phase === 'idle' ||
          backend.phase === 'waiting' ||
          isOwed(state, backend.backend) ||
          backend.slot !== null,
        'no backend is held open for nobody',
      );
  }
}

/** Connected means connected through. */
function assertConnected({ assignment, backends, durable }: StationState, link: StationLink): void {
  assert(assignment !== null, 'a connected station is assigned');
  assert(
    assignment.whenDown.covers || hasOpen(backends, assignment.primary),
    'a connected station has its primary, or Busbar in its place',
  );
  assert(link.slot !== null || laneDepth(link) === 0, 'no command waits for a free station');
  const { placement } = durable;
  assert(
    placement === null ||
      placement.primary === assignment.primary ||
      (placement.routed !== assignment.primary && !assignment.standbys.includes(placement.primary)),
    'a station that was cut over is where it was put, unless its route says another by now (M1)',
  );
}

/** What it would come back to is there, and nobody stands in its place. */
function assertAwaited({ link, arrival, assignment, backends, drain }: StationState): void {
  assert(link === null && arrival === null && drain === null, 'only a station that is away is waited for');
  assert(
    assignment !== null && hasOpen(backends, assignment.primary),
    'a station that is waited for has a link to its primary',
  );
}

/** A loop, not `some`: this is on every frame's path. */
function hasOpen(backends: readonly BackendLink[], name: string): boolean {
  for (const { backend, phase } of backends) if (phase === 'open' && backend === name) return true;
  return false;
}

/** An upgrade is answered by something that will come: a pong or its deadline, or the outcome of a dial. */
function assertPending({ link, backends }: StationState, { phase, assignment }: PendingArrival): void {
  if (phase.name === 'probing') assert(link !== null, 'only an old link is probed');
  else {
    assert(link === null, 'nobody waits for a dial beside an open link');
    assert(
      backends.some((backend) => backend.backend === assignment.primary && backend.phase === 'dialling'),
      'an upgrade waits for the dial of its primary',
    );
  }
}

function assertBackend(state: StationState, backend: BackendLink): void {
  assert(backend.slot === null || backend.phase === 'open', 'a call is outstanding on an open link only');
  assert(
    backend.phase !== 'open' ||
      backend.slot !== null ||
      laneDepth(backend) === 0 ||
      (roleOf(state, backend.backend) === 'primary'
        ? backend.priming.phase === 'registering' || backend.priming.phase === 'priming'
        : !backend.priming.isRegistered),
    'no call waits for a free backend that may have it',
  );
}
