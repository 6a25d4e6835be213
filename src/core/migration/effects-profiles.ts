/**
 * Which charging profiles a station loses because of its move, and how it gets them back.
 *
 * Pure. Only what the old backend placed, and what is known whole, since nothing else could be put back; never a limit of the station's connection, without which a site may draw more than its fuse holds. A profile
 * that has ended, or that its backend has placed or cleared anew, is not put back: what it says now counts.
 */
import type { FoundProfile } from '../commands/placed-profiles.ts';
import { enterEffect, freshEffect } from './effect-phase.ts';
import type { ProfileOutcome } from './events.ts';
import type { MigrationPlan } from './plan.ts';
import type { EffectName, EffectProgress, NamedProfile, StationProgress } from './state.ts';
import type { Turn } from './turn.ts';

/** The profile that it is about; null: it is about none. */
export function profileOf(what: EffectName): NamedProfile | null {
  return typeof what === 'object' && 'profile' in what ? what.profile : null;
}

/** What the old backend placed is known: see `addAsked`. */
export function addProfiles(
  turn: Turn,
  progress: StationProgress,
  found: EffectProgress,
  profiles: readonly FoundProfile[],
  hasMore: boolean,
): void {
  const { plan } = turn.state.head;
  const effects = profiles.map(({ id, purpose, connector }) =>
    freshEffect({ profile: { id, purpose, connector } }, 'writing'),
  );
  // What the move before cleared and could not put back is there again, by whoever placed it.
  const rest = progress.effects.filter(({ what }) => !profiles.some(({ id }) => id === profileOf(what)?.id));
  const at = rest.indexOf(found) + 1;
  progress.effects = [...rest.slice(0, at), ...effects, ...rest.slice(at)];
  enterEffect(turn, progress, found, 'done', countText(plan, profiles, hasMore));
  for (const [index, { fate }] of profiles.entries())
    if (fate !== 'clear')
      enterEffect(turn, progress, effects[index] as EffectProgress, 'skipped', keptReasons[fate]);
}

const keptReasons = {
  limit: 'kept: it limits what the station draws, and clearing it can overload its connection',
  not_whole: 'kept: it is not known whole, and could not be put back',
} as const;

function countText({ from }: MigrationPlan, profiles: readonly FoundProfile[], hasMore: boolean): string {
  const cleared = profiles.filter(({ fate }) => fate === 'clear').length;
  const placed = profiles.length === 1 ? '1 profile' : `${profiles.length} profiles`;
  const known =
    profiles.length === 0
      ? `Busbar knows of none that ${from} placed`
      : `${from} placed ${placed}, of which ${cleared} can be cleared`;
  const unknown = hasMore
    ? 'What was placed before Busbar, or is more than it keeps,'
    : 'What was placed before Busbar';
  return `${known}. ${unknown} may be there too, and stays`;
}

/** What came of clearing it, or of placing it again. */
export function onProfileSettled(
  turn: Turn,
  progress: StationProgress,
  effect: EffectProgress,
  is: ProfileOutcome,
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
