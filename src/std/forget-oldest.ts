/**
 * Makes room in a map or set that is bounded: what was put in first goes, since both keep that order.
 *
 * Pure.
 */
export function forgetOldest<Key>(kept: Map<Key, unknown> | Set<Key>): void {
  const oldest = kept.keys().next();
  if (oldest.done !== true) kept.delete(oldest.value);
}
