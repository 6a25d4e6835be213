/**
 * Whether two configurations say the same, down to the bytes of passwords, keys and certificates.
 *
 * Pure. A reload that found nothing new must say so: whoever renewed a certificate has to see that it was taken.
 */
import type { Settings } from '../../ports/settings.ts';
import { assert } from '../../std/assert.ts';
import { Secret } from '../../std/secret.ts';

export function areSameSettings(one: Settings, other: Settings): boolean {
  return isSame(one, other);
}

/** By value. Maps and sets in their order too, since the first match wins in most of them. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    assert(typeof one !== 'function', 'settings are values: two functions cannot be compared');
    return false;
  }
  if (one instanceof Secret)
    return other instanceof Secret && Buffer.compare(one.reveal(), other.reveal()) === 0;
  const [ours, theirs] = [entriesOf(one), entriesOf(other)];
  return (
    ours.length === theirs.length &&
    ours.every(([key, value], at) => {
      const [otherKey, otherValue] = theirs[at] ?? [];
      return key === otherKey && isSame(value, otherValue);
    })
  );
}

function entriesOf(value: object): readonly (readonly [unknown, unknown])[] {
  return value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value);
}
