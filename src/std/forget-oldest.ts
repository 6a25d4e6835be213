/**
 * Makes room in a map or set that is bounded: what was put in first goes, since both keep that order.
 *
 * Pure. What has gone leaves a hole until the map is next made anew, and a new walk passes all holes: of a hundred thousand entries the oldest would cost 70 µs to find. So a large map keeps its walk, which
 * stands behind them.
 */
const walks = new WeakMap<object, Iterator<unknown>>();

/** Smaller ones are many, and have few holes. */
const walkedMin = 1_024;

/** Returns what has gone; undefined: there was nothing. */
export function forgetOldest<Key>(kept: Map<Key, unknown> | Set<Key>): Key | undefined {
  const oldest = kept.size < walkedMin ? kept.keys().next() : nextOf(kept);
  if (oldest.done === true) return undefined;
  kept.delete(oldest.value);
  return oldest.value;
}

function nextOf<Key>(kept: Map<Key, unknown> | Set<Key>): IteratorResult<Key> {
  const next = (walks.get(kept) as Iterator<Key> | undefined)?.next();
  if (next !== undefined && next.done !== true) return next;
  const walk = kept.keys();
  walks.set(kept, walk);
  return walk.next();
}
