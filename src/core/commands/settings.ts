/**
 * ChangeConfiguration and SetVariables: which of the keys in it reach the station, and how the answer is put together.
 *
 * Pure. Every key has one writer (H16), and some have none (intercept.ts). SetVariables may carry several: those that may pass go to the station in a smaller call, the rest
 * is answered element by element, and the two are merged into one answer in the call's own order (2.x B05).
 */
import { Secret } from '../../std/secret.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { KeyOwner } from '../routing/table.ts';
import { mayWriteKey, type Asker } from './authority.ts';
import type { AskedSetting } from './asked-settings.ts';
import { secretNames } from './connection-keys.ts';
import { interceptKey, type SettingNames } from './intercept.ts';
import { listOf, membersOf, readPayload, textOf, type Payload } from './payload.ts';
import { refuse, refusedVariable, type Answer, type RefusalReason } from './refusal.ts';
import { addressOf, keyOf, variableOf, type VariableName } from './variable.ts';

/** A value a backend asked for; it sees it, whatever the station has. */
export interface VirtualValue {
  /** Folded key (1.6) or variable (2.x). */
  readonly key: string;
  readonly value: string;
  /** 2.x: which element of the call it was; '' in 1.6. */
  readonly address: string;
}

/** An element of SetVariables that Busbar answers itself. */
export interface OwnElement {
  /** Its place in the call. */
  readonly index: number;
  readonly answer: object;
}

export type Passage =
  | { readonly do: 'forward' }
  /** `payload` goes to the station instead; {@link mergeOwn} puts its answer and `own` together. */
  | { readonly do: 'split'; readonly payload: string; readonly own: readonly OwnElement[] }
  | { readonly do: 'answer'; readonly answer: Answer };

export interface SettingsDecision {
  readonly passage: Passage;
  /** To remember for the asker at once. */
  readonly remember: readonly VirtualValue[];
  /** To remember for it once the station has accepted: see {@link confirmedOf}. */
  readonly rememberOnceAccepted: readonly VirtualValue[];
  /** The new password of the asker's own link to Busbar, from its next dial on (2.x A01.FR.03). */
  readonly rotation: Secret | null;
  /** What of it was refused because others write it; never a secret. */
  readonly asked: readonly AskedSetting[];
  /** Something in it was refused because it would change how the station is connected: worth an alarm. */
  readonly isProtected: boolean;
}

export interface SettingsFacts {
  readonly keys: readonly KeyOwner[];
  /** Busbar can take a new password for this backend's link and keep it. */
  readonly canRotate: boolean;
}

/** What becomes of one key. */
type Fate = 'send' | 'accept' | RefusalReason;

/** Collects what the keys of one call come to. */
interface Draft {
  readonly remember: VirtualValue[];
  readonly rememberOnceAccepted: VirtualValue[];
  readonly asked: AskedSetting[];
  rotation: Secret | null;
  isProtected: boolean;
}

export function decideSettings(
  asker: Asker,
  version: OcppVersion,
  action: string,
  payload: () => Payload,
  facts: SettingsFacts,
): SettingsDecision {
  const draft: Draft = {
    remember: [],
    rememberOnceAccepted: [],
    asked: [],
    rotation: null,
    isProtected: false,
  };
  const { members, isAmbiguous, text } = payload();
  const refused = (reason: RefusalReason): Passage => ({
    do: 'answer',
    answer: refuse(version, action, reason, payload),
  });
  if (isAmbiguous) return { passage: refused('unreadable'), ...draft };
  if (action !== 'ChangeConfiguration')
    return { passage: splitVariables(draft, asker, text, members, facts) ?? refused('unreadable'), ...draft };
  const key = textOf(members, 'key');
  const value = textOf(members, 'value');
  if (key === null || value === null) return { passage: refused('unreadable'), ...draft };
  const names = { component: '', variable: key, instances: [], isOtherAttribute: false };
  const fate = fateOf(draft, asker, facts, names, key, value, '');
  if (fate === 'send') return { passage: { do: 'forward' }, ...draft };
  const accepted: Answer = { kind: 'result', payload: '{"status":"Accepted"}' };
  return { passage: fate === 'accept' ? { do: 'answer', answer: accepted } : refused(fate), ...draft };
}

/** Null when an element does not say which variable it writes. */
function splitVariables(
  draft: Draft,
  asker: Asker,
  text: string,
  members: Payload['members'],
  facts: SettingsFacts,
): Passage | null {
  const elements = listOf(members, 'setVariableData');
  const sent: unknown[] = [];
  const own: OwnElement[] = [];
  // All are read before any is decided on: a call that is refused as a whole leaves no trace.
  const writes = elements.map((element) => ({
    element,
    name: variableOf(element),
    value: textOf(membersOf(element), 'attributeValue'),
  }));
  for (const [index, { element, name, value }] of writes.entries()) {
    if (writes.some((write) => write.name === null || write.value === null)) return null;
    const variable = name as VariableName;
    const names = settingNamesOf(variable);
    const key = keyOf(variable);
    const fate = fateOf(draft, asker, facts, names, key, value as string, addressOf(variable));
    if (fate === 'send') sent.push(element);
    else if (fate === 'accept') own.push({ index, answer: { attributeStatus: 'Accepted', ...variable } });
    else own.push({ index, answer: refusedVariable(element, fate) ?? {} });
  }
  if (elements.length === 0) return null;
  if (own.length === 0) return { do: 'forward' };
  if (sent.length > 0) {
    const rest = JSON.parse(text) as object;
    return { do: 'split', payload: JSON.stringify({ ...rest, setVariableData: sent }), own };
  }
  const setVariableResult = own.map(({ answer }) => answer);
  return { do: 'answer', answer: { kind: 'result', payload: JSON.stringify({ setVariableResult }) } };
}

function settingNamesOf({ component, variable, attributeType }: VariableName): SettingNames {
  return {
    component: component.name,
    variable: variable.name,
    instances: [component.instance ?? '', variable.instance ?? ''].filter((one) => one !== ''),
    isOtherAttribute: (attributeType ?? 'Actual') !== 'Actual',
  };
}

function fateOf(
  draft: Draft,
  asker: Asker,
  facts: SettingsFacts,
  names: SettingNames,
  key: string,
  value: string,
  address: string,
): Fate {
  const verdict = interceptKey(names, value);
  switch (verdict.what) {
    case 'free':
      if (mayWriteKey(asker, facts.keys, key)) return 'send';
      noteAsked(draft, names, value);
      return 'no_authority';
    case 'invalid':
      return 'unreadable';
    case 'protected':
      draft.isProtected = true;
      return 'protected';
    case 'credential':
      return rotate(draft, facts, value);
    case 'gateway_owned': {
      const virtual = { key: verdict.key, value, address };
      const isSent = verdict.isSafe && mayWriteKey(asker, facts.keys, key);
      (isSent ? draft.rememberOnceAccepted : draft.remember).push(virtual);
      return isSent ? 'send' : 'accept';
    }
  }
}

/** Longer values are not kept: no setting that a plan would write has one. */
const askedCharactersMax = 500;

function noteAsked(
  { asked }: Draft,
  { component, variable, instances, isOtherAttribute }: SettingNames,
  value: string,
): void {
  const isSecret = secretNames.test(`${component}${variable}`.toLowerCase().replaceAll(/[^a-z]/g, ''));
  if (isSecret || instances.length > 0 || isOtherAttribute || value.length > askedCharactersMax) return;
  asked.push({ component: component === '' ? null : component, key: variable, value });
}

/** What a password may be (2.x `passwordString`, 1.6's key in text or hexadecimal). */
const passwordText = /^[\x21-\x7e]{1,64}$/;

function rotate(draft: Draft, { canRotate }: SettingsFacts, value: string): Fate {
  if (!canRotate) {
    draft.isProtected = true;
    return 'protected';
  }
  if (!passwordText.test(value)) return 'unreadable';
  draft.rotation = new Secret(Uint8Array.from(value, (character) => character.charCodeAt(0)));
  return 'accept';
}

/** The whole answer: the station's results where it answered, Busbar's own at their places in the call. */
export function mergeOwn(own: readonly OwnElement[], resultPayload: string): string {
  const { members } = readPayload(resultPayload);
  const merged = [...listOf(members, 'setVariableResult')];
  // By rising index each lands where it stood; should the station have answered fewer, at the end.
  for (const { index, answer } of own) merged.splice(index, 0, answer);
  return JSON.stringify({ ...members, setVariableResult: merged });
}

/** Those of the values that the station's answer accepts. */
export function confirmedOf(
  values: readonly VirtualValue[],
  action: string,
  resultPayload: string,
): VirtualValue[] {
  const { members } = readPayload(resultPayload);
  if (action === 'ChangeConfiguration') return isAccepted(textOf(members, 'status')) ? [...values] : [];
  const accepted = new Set<string>();
  for (const element of listOf(members, 'setVariableResult')) {
    const name = variableOf(element);
    if (name !== null && isAccepted(textOf(membersOf(element), 'attributeStatus')))
      accepted.add(addressOf(name));
  }
  return values.filter(({ address }) => accepted.has(address));
}

/** A write that the station keeps, if only from its next start on. */
export function isAccepted(status: string | null): boolean {
  return status === 'Accepted' || status === 'RebootRequired';
}
