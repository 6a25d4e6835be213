/**
 * What a plan sends to stations that have moved, in each version's words.
 *
 * Pure. OCPP 1.6 §5.2 ChangeConfiguration, §5.8 GetConfiguration, §5.4 ClearCache, §5.10 GetLocalListVersion, §5.15 SendLocalList; 2.x B05 SetVariables, B06 GetVariables, C11
 * ClearCache, D01 SendLocalList, D02 GetLocalListVersion.
 */
import { listOf, membersOf, readPayload, textOf } from '../core/commands/payload.ts';
import type { EffectStep, OrderOutcome } from '../core/migration/events.ts';
import type { CommandOutcome } from '../ports/station-commander.ts';
import type { OcppVersion } from '../protocol/version.ts';

/** A command to send, or why there is none for a station of this version. */
export type EffectCommand =
  | { readonly action: string; readonly payload: string }
  | { readonly inapplicable: string };

/** A step that is taken at the station. */
export type StationStep = Extract<
  EffectStep,
  { readonly do: 'clear_cache' | 'read_list' | 'clear_list' | 'read' | 'write' }
>;

export function commandOf(step: StationStep, version: OcppVersion): EffectCommand {
  switch (step.do) {
    case 'clear_cache':
      return { action: 'ClearCache', payload: '{}' };
    case 'read_list':
      return { action: 'GetLocalListVersion', payload: '{}' };
    case 'clear_list':
      return { action: 'SendLocalList', payload: emptyList(step.version, version) };
    case 'read':
    case 'write':
      return settingCommand(step, version);
  }
}

/** A list of nobody. In 2.x an array without items is not valid, so that it is left out. */
function emptyList(listVersion: number, version: OcppVersion): string {
  return JSON.stringify(
    version === 'ocpp1.6'
      ? { listVersion, updateType: 'Full', localAuthorizationList: [] }
      : { versionNumber: listVersion, updateType: 'Full' },
  );
}

function settingCommand(
  step: Extract<EffectStep, { do: 'read' | 'write' }>,
  version: OcppVersion,
): EffectCommand {
  const { component, key } = step;
  if (version === 'ocpp1.6') {
    if (component !== null) return { inapplicable: `${component}.${key} is a setting of OCPP 2.x` };
    return step.do === 'read'
      ? { action: 'GetConfiguration', payload: JSON.stringify({ key: [key] }) }
      : { action: 'ChangeConfiguration', payload: JSON.stringify({ key, value: step.value }) };
  }
  if (component === null) return { inapplicable: `${key} is a setting of OCPP 1.6` };
  const variable = { component: { name: component }, variable: { name: key } };
  return step.do === 'read'
    ? { action: 'GetVariables', payload: JSON.stringify({ getVariableData: [variable] }) }
    : {
        action: 'SetVariables',
        payload: JSON.stringify({ setVariableData: [{ attributeValue: step.value, ...variable }] }),
      };
}

/** What the station's answer comes to. */
export function outcomeOf(step: StationStep, outcome: CommandOutcome): OrderOutcome {
  switch (outcome.kind) {
    case 'refused':
      // A command that Busbar lets nobody send is not let through the next time either.
      if (outcome.reason === 'forbidden') return { kind: 'denied', detail: outcome.detail };
      return notSent(outcome);
    case 'error':
      return answeredError(outcome);
    case 'result':
      if (step.do === 'read') return { kind: 'answered', value: valueIn(step.key, outcome.payload) };
      if (step.do === 'read_list') return { kind: 'answered', value: listVersionIn(outcome.payload) };
      return writtenOf(outcome.payload);
  }
}

/** It will be tried again. */
export function notSent({ reason, detail }: Extract<CommandOutcome, { kind: 'refused' }>): OrderOutcome {
  const is = reason === 'unknown_outcome' ? reason : 'not_sent';
  return { kind: 'refused', reason: is, detail, primary: null };
}

export function answeredError({
  code,
  description,
}: Extract<CommandOutcome, { kind: 'error' }>): OrderOutcome {
  return { kind: 'denied', detail: `the station answered ${code}: ${description}` };
}

function valueIn(key: string, payload: string): string | null {
  const { members } = readPayload(payload);
  for (const entry of listOf(members, 'configurationKey').map(membersOf))
    // 1.6 §5.2: keys are compared without their case.
    if (textOf(entry, 'key')?.toLowerCase() === key.toLowerCase()) return textOf(entry, 'value');
  const [result] = listOf(members, 'getVariableResult').map(membersOf);
  if (result === undefined || textOf(result, 'attributeStatus') !== 'Accepted') return null;
  return textOf(result, 'attributeValue');
}

/** null: it is not said. */
function listVersionIn(payload: string): string | null {
  const { members } = readPayload(payload);
  const version = members['listVersion'] ?? members['versionNumber'];
  return typeof version === 'number' && Number.isInteger(version) ? String(version) : null;
}

/** `RebootRequired` is no refusal: reading it back says whether it holds already. */
function writtenOf(payload: string): OrderOutcome {
  const { members } = readPayload(payload);
  const [result] = listOf(members, 'setVariableResult').map(membersOf);
  const status = textOf(members, 'status') ?? textOf(result ?? {}, 'attributeStatus');
  if (status === 'Accepted' || status === 'RebootRequired') return { kind: 'answered', value: null };
  return { kind: 'denied', detail: `the station answered ${status ?? 'nothing that can be read'}` };
}
