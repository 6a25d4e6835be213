/**
 * What a station is sent because it moved, and how that is taken back: one step at a time, each with its answer before the next.
 *
 * Pure. A setting is read before it is set, so that there is something to put back; one that cannot be read is not set. Each is read back afterwards. What cannot be done is on
 * record and stops nothing: a station that has moved is not sent back for a setting.
 */
import { placedKinds, pluralOf } from '../commands/placed-object.ts';
import { enterEffect, freshEffect, isEffectOver, settingOf } from './effect-phase.ts';
import { addAsked } from './effects-asked.ts';
import { addPlaced, listedBy, nextToPlace, onPlacedSettled, placedOf } from './effects-placed.ts';
import type { EffectStep, Order, OrderOutcome } from './events.ts';
import type { MigrationPlan } from './plan.ts';
import type { EffectName, EffectProgress, StationProgress } from './state.ts';
import { isOverdue, block, unblock } from './patience.ts';
import { explain, order, touch, type Turn } from './turn.ts';

/**
 * What is to be done to a station that has moved, in order. List and cache last: they may fill with what the settings allow. `before`: what was done the last time; what of it could not be put
 * back is to be put back still.
 */
export function effectsOf({ also }: MigrationPlan, before: readonly EffectProgress[]): EffectProgress[] {
  const settings = also.configuration.map((_, at): EffectProgress => {
    const effect = freshEffect(at, 'reading');
    const last = before.find(({ what }) => what === at);
    if (last === undefined || !last.isWritten || last.phase === 'undone') return effect;
    return { ...effect, before: last.before, isWritten: true };
  });
  if (also.asked === 'apply')
    settings.push(freshEffect('asked', 'reading'), ...carriedOver(before, isOfSetting));
  for (const kind of placedKinds) {
    const plural = pluralOf[kind];
    if (also[plural] === 'clear')
      settings.push(
        freshEffect(plural, 'reading'),
        ...carriedOver(before, (what) => placedOf(what)?.kind === kind),
      );
  }
  if (also.localList === 'clear') settings.push(freshEffect('localList', 'reading'));
  if (also.clearCache) settings.push(freshEffect('clearCache', 'writing'));
  return settings;
}

/** What was done of the station's own list the last time, and is not put back: still to be by a rollback, whether or not it is done again. */
function carriedOver(
  before: readonly EffectProgress[],
  isOfThese: (what: EffectName) => boolean,
): EffectProgress[] {
  const carried: EffectProgress[] = [];
  for (const effect of before)
    if (effect.isWritten && effect.phase !== 'undone' && isOfThese(effect.what))
      carried.push({ ...effect, phase: 'skipped', reason: 'it was not put back' });
  return carried;
}

function isOfSetting(what: EffectName): boolean {
  return typeof what === 'object' && 'setting' in what;
}

/** Nothing is left to do, whether it went well or not. */
export function areEffectsOver({ effects }: StationProgress): boolean {
  return effects.every(isEffectOver);
}

/** Something could not be done, or not be undone. */
export function hasEffectFailed({ effects }: StationProgress): boolean {
  return effects.some(({ phase }) => phase === 'failed');
}

/** Everything that was written is to be put back. Nothing was: nothing is. */
export function undoEffects(turn: Turn, progress: StationProgress): void {
  for (const effect of progress.effects) {
    if (effect.phase === 'undone' || effect.phase === 'undoing' || effect.phase === 'rechecking') continue;
    const isUndone = !canUndo(effect);
    if (isUndone && isEffectOver(effect)) continue;
    enterEffect(turn, progress, effect, isUndone ? 'skipped' : 'undoing', null);
  }
  progress.waitedMs.other = 0;
  unblock(turn, progress);
  touch(turn, progress);
}

/** A list fills again: whoever asks for it is told that there is none, and sends its own. */
function canUndo({ what, isWritten, before }: EffectProgress): boolean {
  return isWritten && what !== 'localList' && (before !== null || placedOf(what) !== null);
}

/** Orders the next step for this station, if there is one. */
export function advanceEffects(turn: Turn, progress: StationProgress): void {
  const { effects, station } = progress;
  // What was set last is put back first.
  const isBack = effects.some(({ phase }) => phase === 'undoing' || phase === 'rechecking');
  const at = isBack
    ? nextToPlace(
        effects,
        effects.findLastIndex((effect) => !isEffectOver(effect)),
      )
    : effects.findIndex((effect) => !isEffectOver(effect));
  const effect = effects[at];
  if (effect === undefined) return;
  if (isOverdue(turn, progress)) {
    unblock(turn, progress);
    // On the way there the time is the station's, and not each effect's: what follows is asked once, unless it answers.
    if (isBack) progress.waitedMs.other = 0;
    const what = isBack ? 'put back' : 'done';
    enterEffect(
      turn,
      progress,
      effect,
      'failed',
      `not ${what} in time: ${progress.reason ?? 'it never answered'}`,
    );
    return;
  }
  const step = stepOf(turn.state.head.plan, effect);
  const isAgain = effect.isWritten;
  if (!order(turn, progress, { do: 'effect', station, effect: at, step, isAgain })) return;
  if (effect.phase === 'writing' && effect.what !== 'clearCache') effect.isWritten = true;
}

/** What came of a step. */
export function onEffectSettled(
  turn: Turn,
  progress: StationProgress,
  { effect: at, step, isAgain }: Extract<Order, { do: 'effect' }>,
  outcome: OrderOutcome,
): void {
  const effect = progress.effects[at];
  if (effect === undefined || isEffectOver(effect)) return;
  if (outcome.kind === 'refused') {
    progress.refusals += 1;
    // Whether what was placed is there only the station knows, and it says so the first time only.
    if (step.do === 'clear_placed' && outcome.reason === 'not_sent') effect.isWritten = isAgain;
    return block(turn, progress, 'other', outcome.detail);
  }
  progress.refusals = 0;
  progress.retryAtMs = 0;
  unblock(turn, progress);
  if (progress.waitedMs.other >= turn.state.head.plan.giveUpAfterMs) progress.waitedMs.other = 0;
  explain(turn, progress, null);
  // What is to be done may be another by now than what was ordered: it is undone meanwhile, or the station has moved once more.
  if (!isSameStep(step, stepOf(turn.state.head.plan, effect))) return touch(turn, progress);
  switch (outcome.kind) {
    case 'asked':
      return addAsked(turn, progress, effect, outcome.settings);
    case 'found':
      return addPlaced(turn, progress, effect, outcome.of, outcome.objects, outcome.hasMore);
    case 'placed':
      return onPlacedSettled(turn, progress, effect, outcome.is);
    case 'inapplicable':
      return enterEffect(turn, progress, effect, 'skipped', outcome.detail);
    case 'denied':
      if (step.do === 'clear_placed') effect.isWritten = isAgain;
      return enterEffect(turn, progress, effect, 'failed', outcome.detail);
    case 'answered':
      return goOn(turn, progress, effect, outcome.value);
    case 'done':
      return goOn(turn, progress, effect, null);
  }
}

/** The station was not told: there is nothing of it to undo. */
export function onEffectLetGo(
  progress: StationProgress,
  { effect: at, isAgain }: Extract<Order, { do: 'effect' }>,
): void {
  const effect = progress.effects[at];
  if (effect !== undefined && !isAgain) effect.isWritten = false;
}

function isSameStep(one: EffectStep, other: EffectStep): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function goOn(turn: Turn, progress: StationProgress, effect: EffectProgress, value: string | null): void {
  const { plan } = turn.state.head;
  if (effect.what === 'localList') return goOnWithList(turn, progress, effect, value);
  switch (effect.phase) {
    case 'reading':
      // What it was before anything was written stays what a rollback goes back to.
      if (!effect.isWritten) effect.before = value;
      if (value === null)
        enterEffect(
          turn,
          progress,
          effect,
          'failed',
          'it cannot be read, and could not be put back: it was not set',
        );
      else if (value === settingOf(plan, effect).value)
        enterEffect(turn, progress, effect, 'done', 'it is so already');
      else enterEffect(turn, progress, effect, 'writing', null);
      return;
    case 'writing':
      enterEffect(turn, progress, effect, effect.what === 'clearCache' ? 'done' : 'checking', null);
      return;
    case 'checking': {
      const wanted = settingOf(plan, effect).value;
      const isSo = value === wanted;
      enterEffect(turn, progress, effect, isSo ? 'done' : 'failed', isSo ? null : readsAs(value, wanted));
      return;
    }
    case 'undoing':
      enterEffect(turn, progress, effect, 'rechecking', null);
      return;
    case 'rechecking': {
      const isSo = value === effect.before;
      const reason = isSo ? null : readsAs(value, effect.before ?? '');
      enterEffect(turn, progress, effect, isSo ? 'undone' : 'failed', reason);
      return;
    }
    case 'done':
    case 'undone':
    case 'skipped':
    case 'failed':
      return;
  }
}

/** `value`: the version of the list that is there; 0: none, below: the station has no such lists (1.6 §5.10, 2.x D02). */
function goOnWithList(
  turn: Turn,
  progress: StationProgress,
  effect: EffectProgress,
  value: string | null,
): void {
  const version = Number(value ?? '-1');
  switch (effect.phase) {
    case 'reading':
      if (!effect.isWritten) effect.before = value;
      if (version < 0) enterEffect(turn, progress, effect, 'skipped', 'the station keeps no local list');
      else if (version === 0) enterEffect(turn, progress, effect, 'done', 'there is none');
      else enterEffect(turn, progress, effect, 'writing', null);
      return;
    case 'writing':
      enterEffect(turn, progress, effect, 'checking', null);
      return;
    case 'checking': {
      const wanted = listVersionAfter(effect);
      const isSo = version === wanted || version === 0;
      enterEffect(
        turn,
        progress,
        effect,
        isSo ? 'done' : 'failed',
        isSo ? null : readsAs(value, String(wanted)),
      );
      return;
    }
    default:
      return;
  }
}

/** Of the empty list: newer than the one that it takes the place of. */
function listVersionAfter({ before }: EffectProgress): number {
  return Number(before ?? '0') + 1;
}

function readsAs(value: string | null, wanted: string): string {
  return `it reads as ${value ?? 'nothing'} after ${wanted} was set`;
}

function stepOf(plan: MigrationPlan, effect: EffectProgress): EffectStep {
  if (effect.what === 'clearCache') return { do: 'clear_cache' };
  if (effect.what === 'asked') return { do: 'list_asked' };
  if (effect.what === 'localList')
    return effect.phase === 'writing'
      ? { do: 'clear_list', version: listVersionAfter(effect) }
      : { do: 'read_list' };
  const listed = listedBy(effect.what);
  if (listed !== null) return { do: 'list_placed', kind: listed };
  const placed = placedOf(effect.what);
  if (placed !== null) {
    const { kind, id } = placed;
    return { do: effect.phase === 'writing' ? 'clear_placed' : 'place_again', kind, id };
  }
  const setting = settingOf(plan, effect);
  const { component, key } = setting;
  if (effect.phase === 'writing') return { do: 'write', component, key, value: setting.value };
  if (effect.phase === 'undoing') return { do: 'write', component, key, value: effect.before ?? '' };
  return { do: 'read', component, key };
}
