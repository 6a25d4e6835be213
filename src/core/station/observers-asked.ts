/**
 * Who is to listen in to one station, as somebody asked for it: what is wrong with it, by the same rules that a route's observers obey.
 *
 * Pure. Asked of the configuration as it is when it is decided; what a reload takes away later listens in no more (placement.ts, listening.ts).
 */
import { observerFaults, type ObserverFault } from '../routing/observer-rules.ts';
import type { PlacedObserver } from '../routing/placement.ts';
import { factsOf } from './find-backend.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** Everything that is wrong, in order. `primary` is who will answer the station. */
export function faultsOfObservers(
  state: StationState,
  turn: Turn,
  primary: string,
  observers: readonly PlacedObserver[],
): ObserverFault[] {
  return observers.flatMap((observer, index) => {
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
