/**
 * Which of the settings that the new backend asked a station for are set there because of its move, and why not the others.
 *
 * Pure. The operator's word counts more than a backend's, and what no backend may write itself is not written in its name either: what connects the station, what Busbar owns, secrets.
 */
import { isSameSetting } from '../commands/asked-settings.ts';
import { interceptKey } from '../commands/intercept.ts';
import { isSecretName } from '../commands/inventory.ts';
import { enterEffect, freshEffect } from './effect-phase.ts';
import { settingsMax, type MigrationPlan, type SettingChange } from './plan.ts';
import type { EffectName, EffectProgress, StationProgress } from './state.ts';
import type { Turn } from './turn.ts';

/**
 * What the station was asked for is known: from now on it is a part of its progress, and saved with it. `found`: the effect that found it out; what it comes to stands behind it.
 */
export function addAsked(
  turn: Turn,
  progress: StationProgress,
  found: EffectProgress,
  asked: readonly SettingChange[],
): void {
  const { plan } = turn.state.head;
  const refusals = asked.map((setting) => whyNotSet(plan, setting));
  let room = settingsMax;
  // The newest first: it is those that count where there are too many.
  for (let at = asked.length - 1; at >= 0; at -= 1) {
    if (refusals[at] !== null) continue;
    if (room === 0) refusals[at] = `only the last ${settingsMax} that were asked for are set`;
    else room -= 1;
  }
  const effects = asked.map((setting) => carriedOn(progress.effects, setting));
  const set = refusals.filter((refusal) => refusal === null).length;
  const rest = progress.effects.filter(({ what }) => !asked.some((setting) => isAbout(what, setting)));
  const at = rest.indexOf(found) + 1;
  progress.effects = [...rest.slice(0, at), ...effects, ...rest.slice(at)];
  enterEffect(turn, progress, found, 'done', countText(plan, asked.length, set));
  for (const [index, refusal] of refusals.entries())
    if (refusal !== null) enterEffect(turn, progress, effects[index] as EffectProgress, 'skipped', refusal);
}

/** One that the move before set, and that could not be put back, has still to be put back by a rollback. */
function carriedOn(effects: readonly EffectProgress[], setting: SettingChange): EffectProgress {
  const last = effects.find(({ what }) => isAbout(what, setting));
  const fresh = freshEffect({ setting }, 'reading');
  return last === undefined ? fresh : { ...fresh, before: last.before, isWritten: last.isWritten };
}

function isAbout(what: EffectName, setting: SettingChange): boolean {
  return typeof what === 'object' && 'setting' in what && isSameSetting(what.setting, setting);
}

function countText({ to }: MigrationPlan, asked: number, set: number): string {
  if (asked === 0) return `${to} asked it for nothing`;
  return `${to} asked it for ${asked === 1 ? '1 setting' : `${asked} settings`}, of which ${set} can be set`;
}

/** null: it may be set. */
function whyNotSet({ also, to }: MigrationPlan, setting: SettingChange): string | null {
  if (also.configuration.some((planned) => isSameSetting(planned, setting))) return 'the plan sets it';
  const { component, key, value } = setting;
  if (isSecretName((component ?? '') + key)) return 'it is a secret by its name';
  const names = { component: component ?? '', variable: key, instances: [], isOtherAttribute: false };
  switch (interceptKey(names, value).what) {
    case 'free':
      return null;
    case 'gateway_owned':
      return `Busbar owns it, and shows ${to} its own value`;
    case 'protected':
    case 'credential':
      return 'it would change how the station is connected';
    case 'invalid':
      return 'it is no setting that can be written';
  }
}
