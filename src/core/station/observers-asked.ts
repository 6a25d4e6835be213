/**
 * Who is to listen in to one station, as somebody asked for it: what is wrong with it, by the same rules that a route's observers obey.
 *
 * Pure. Asked of the configuration as it is when it is decided; what a reload takes away later listens in no more (placement.ts, listening.ts).
 */
import { observerFaults, type ObserverFault } from '../routing/observer-rules.ts';
import type { PlacedObserver } from '../routing/placement.ts';
import type { Assignment, KeyOwner } from '../routing/table.ts';
import { factsOf } from './find-backend.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** Everything that is wrong, in order. `primary` is who will answer the station, `routed` who does by its route. */
export function faultsOfObservers(
  state: StationState,
  turn: Turn,
  { primary, routed, now }: { readonly primary: string; readonly routed: string; readonly now: Assignment },
  observers: readonly PlacedObserver[],
): ObserverFault[] {
  const present = new Set([
    primary,
    routed,
    ...now.actions.values(),
    ...observers.map(({ backend }) => backend),
  ]);
  const absent = now.keys.filter(({ backend }) => !present.has(backend)).map(absentWriter);
  const unfit = observers.flatMap((observer, index) => {
    const first = observers.findIndex(({ backend }) => backend === observer.backend);
    const misplaced =
      first === index ? whyMisplaced(state, turn, primary, observer.backend) : listedBefore(first);
    const isNonBilling = factsOf(turn, observer.backend)?.nonBilling ?? null;
    const faults = observerFaults(observer, isNonBilling);
    return [...(misplaced === null ? [] : [misplaced]), ...faults].map(({ path, what, remedy }) => ({
      path: [index, ...path],
      what,
      remedy,
    }));
  });
  return [...unfit, ...absent];
}

/** A key has one writer: where that one is not there, nobody could set it. */
function absentWriter({ pattern, backend }: KeyOwner): ObserverFault {
  const what = `${backend} alone may write ${pattern} by configurationKeys of the route, and would not be there`;
  return { path: [], what, remedy: 'list it too' };
}

function whyMisplaced(
  { link, durable }: StationState,
  turn: Turn,
  primary: string,
  backend: string,
): ObserverFault | null {
  const path = ['backend'];
  const facts = factsOf(turn, backend);
  if (facts === null)
    return { path, what: `no backend is called ${backend}`, remedy: 'name one of the configuration' };
  if (backend === primary) {
    const what = `${backend} is the primary of this station, and gets everything anyway`;
    return { path, what, remedy: 'remove it' };
  }
  const version = link?.version ?? durable.version;
  const spoken = version === null ? (factsOf(turn, primary)?.versions ?? []) : [version];
  if (spoken.some((one) => facts.versions.includes(one))) return null;
  const what = `${backend} does not speak ${spoken.join(' or ')}, and a station’s links all speak one version`;
  return { path, what, remedy: 'name another backend' };
}

function listedBefore(first: number): ObserverFault {
  return { path: ['backend'], what: `it is listed already, at ${first}`, remedy: 'keep one' };
}
