/**
 * One side effect of a move: what it is called, how it begins, and how it goes from phase to phase with evidence of each.
 *
 * Pure.
 */
import { assert } from '../../std/assert.ts';
import { nounOf } from '../commands/placed-object.ts';
import type { MigrationPlan, SettingChange } from './plan.ts';
import type { EffectName, EffectPhase, EffectProgress, StationProgress } from './state.ts';
import { aboutStation, addEvidence, touch, type Turn } from './turn.ts';

export function freshEffect(what: EffectName, phase: EffectPhase): EffectProgress {
  return { what, phase, reason: null, before: null, isWritten: false };
}

export function isEffectOver({ phase }: EffectProgress): boolean {
  return phase === 'done' || phase === 'undone' || phase === 'skipped' || phase === 'failed';
}

export function enterEffect(
  turn: Turn,
  progress: StationProgress,
  effect: EffectProgress,
  phase: EffectPhase,
  reason: string | null,
): void {
  const before = effect.phase;
  effect.phase = phase;
  effect.reason = reason;
  touch(turn, progress);
  addEvidence(turn, {
    ...aboutStation(turn, progress),
    what: 'effect',
    before,
    after: phase,
    reason,
    values: { effect: effectName(turn.state.head.plan, effect.what), before: effect.before },
  });
}

/** The setting that it is about, of the plan or of the station. */
export function settingOf({ also }: MigrationPlan, { what }: Pick<EffectProgress, 'what'>): SettingChange {
  const setting = typeof what === 'number' ? also.configuration[what] : whatSetting(what);
  assert(setting != null, 'an effect with a value is about a setting');
  return setting;
}

function whatSetting(what: EffectName): SettingChange | null {
  return typeof what === 'object' && 'setting' in what ? what.setting : null;
}

/** `clearCache`, `localList`, `asked`, `profiles` and its like, the setting with its component, or what was placed. */
export function effectName(plan: MigrationPlan, what: EffectName): string {
  if (typeof what === 'string') return what;
  if (typeof what === 'object' && 'placed' in what) {
    const { kind, id, label, connector } = what.placed;
    return `${nounOf[kind]} ${id} (${label}, ${connector === 0 ? 'the station' : `connector ${connector}`})`;
  }
  const setting = settingOf(plan, { what });
  return setting.component === null ? setting.key : `${setting.component}.${setting.key}`;
}
