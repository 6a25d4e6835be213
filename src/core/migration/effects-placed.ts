/**
 * Which profiles, messages and tariffs a station loses because of its move, and how it gets them back.
 *
 * Pure. Only what the old backend placed, and what is known whole, since nothing else could be put back; never a profile that limits the station's connection, without which a site may draw more than its fuse holds. What has ended, or what its backend has placed or cleared anew, is not put back: what that one says now
 * counts.
 */
import { nounOf, pluralOf, placedKinds, type PlacedKind } from '../commands/placed-object.ts';
import type { FoundObject } from '../commands/placed-objects.ts';
import { enterEffect, freshEffect } from './effect-phase.ts';
import type { PlacedOutcome } from './events.ts';
import type { MigrationPlan } from './plan.ts';
import type { EffectName, EffectProgress, NamedObject, StationProgress } from './state.ts';
import type { Turn } from './turn.ts';

/** The object that it is about; null: it is about none. */
export function placedOf(what: EffectName): NamedObject | null {
  return typeof what === 'object' && 'placed' in what ? what.placed : null;
}

/** The kind of which it finds out what there is; null: it does something else. */
export function listedBy(what: EffectName): PlacedKind | null {
  return placedKinds.find((kind) => pluralOf[kind] === what) ?? null;
}

/** What the old backend placed is known: see `addAsked`. */
export function addPlaced(
  turn: Turn,
  progress: StationProgress,
  found: EffectProgress,
  kind: PlacedKind,
  objects: readonly FoundObject[],
  hasMore: boolean,
): void {
  const { plan } = turn.state.head;
  const effects = objects.map(({ id, label, connector }) =>
    freshEffect({ placed: { kind, id, label, connector } }, 'writing'),
  );
  // What the move before cleared and could not put back is there again, by whoever placed it.
  const isThere = (placed: NamedObject | null): boolean =>
    placed?.kind === kind && objects.some(({ id }) => id === placed.id);
  const rest = progress.effects.filter(({ what }) => !isThere(placedOf(what)));
  // Behind what is still to be put back of the move before: it was placed before these.
  const at = rest.findLastIndex((each) => each === found || placedOf(each.what)?.kind === kind) + 1;
  progress.effects = [...rest.slice(0, at), ...effects, ...rest.slice(at)];
  enterEffect(turn, progress, found, 'done', countText(plan, kind, objects, hasMore));
  for (const [index, object] of objects.entries()) {
    const reason = whyKept(object);
    if (reason !== null) enterEffect(turn, progress, effects[index] as EffectProgress, 'skipped', reason);
  }
}

/** null: it is taken away. */
function whyKept({ fate }: FoundObject): string | null {
  if (fate !== 'clear') return keptReasons[fate];
  return null;
}

const keptReasons = {
  limit: 'kept: it limits what the station draws, and clearing it can overload its connection',
  not_whole: 'kept: it is not known whole, and could not be put back',
} as const;

function countText(
  { from }: MigrationPlan,
  kind: PlacedKind,
  objects: readonly FoundObject[],
  hasMore: boolean,
): string {
  const cleared = objects.filter((object) => whyKept(object) === null).length;
  const placed = objects.length === 1 ? `1 ${nounOf[kind]}` : `${objects.length} ${nounOf[kind]}s`;
  const known =
    objects.length === 0
      ? `Busbar knows of none that ${from} placed`
      : `${from} placed ${placed}, of which ${cleared} can be cleared`;
  const unknown = hasMore
    ? 'What was placed before Busbar, or is more than it keeps,'
    : 'What was placed before Busbar';
  return `${known}. ${unknown} may be there too, and stays`;
}

/** What came of clearing it, or of placing it again. */
export function onPlacedSettled(
  turn: Turn,
  progress: StationProgress,
  effect: EffectProgress,
  is: PlacedOutcome,
): void {
  switch (is) {
    case 'cleared':
      return enterEffect(turn, progress, effect, 'done', null);
    case 'placed':
      return enterEffect(turn, progress, effect, 'undone', null);
    case 'there':
      return enterEffect(turn, progress, effect, 'undone', 'it is there already');
    case 'ended':
      return enterEffect(turn, progress, effect, 'skipped', 'its time is over');
    case 'gone': {
      const isBack = effect.phase === 'undoing';
      effect.isWritten = false;
      const reason = isBack
        ? 'it is not kept any more: it was cleared or replaced meanwhile, or long ago'
        : 'the station did not have it any more';
      return enterEffect(turn, progress, effect, 'skipped', reason);
    }
  }
}

/**
 * Which of them is put back next, given the last that is to be: of its kind the one that was placed first, since what is placed later may take the place of what was placed before (1.6 §5.16, 2.1 I07).
 */
export function nextToPlace(effects: readonly EffectProgress[], last: number): number {
  const kind = placedOf(effects[last]?.what ?? 'asked')?.kind;
  if (kind === undefined) return last;
  return effects.findIndex(({ phase, what }) => phase === 'undoing' && placedOf(what)?.kind === kind);
}
