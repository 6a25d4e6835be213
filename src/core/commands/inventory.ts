/**
 * What Busbar knows of a station's settings, to answer the reads of backends that only listen in.
 *
 * Pure. Learned from the station's own answers to commands that were forwarded, and from its reports; plain JSON, saved with the station, changed by
 * {@link applyInventoryChange} only. Bounded: at most `settingsMax` settings, later ones are not kept; a value longer than `valueCharactersMax` is known to exist
 * and not kept. Secrets are neither kept nor served.
 *
 * A backend's own values of the settings that Busbar owns (intercept.ts) stand over what the station has, in what is served and in what is forwarded.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { secretNames } from './connection-keys.ts';
import { foldName, listOf, membersOf, readPayload, textOf, type Members, type Payload } from './payload.ts';
import { statusInfoOf, type Answer } from './refusal.ts';
import { addressOf, variableOf, type VariableName } from './variable.ts';

export const settingsMax = 512;
export const valueCharactersMax = 500;

/** One key (1.6), or one attribute of one variable (2.x). */
export interface KnownSetting {
  /** 1.6: the key as the station spells it; 2.x: ''. */
  readonly key: string;
  /** 2.x. */
  readonly name: VariableName | null;
  /** null: the station gave none, or one that is too long to be kept. */
  readonly value: string | null;
  readonly isReadonly: boolean;
  readonly isTooLong: boolean;
}

export interface Inventory {
  readonly settings: Record<string, KnownSetting>;
  /** There were more than are kept. */
  isFull: boolean;
}

export interface InventoryChange {
  readonly known: readonly (readonly [address: string, setting: KnownSetting])[];
  /** Addresses that the station says it does not have. */
  readonly forgotten: readonly string[];
}

/** A backend's own values, by folded key (1.6) or variable (2.x): VirtualValue in settings.ts. */
export type VirtualValues = Readonly<Record<string, string>>;

export function emptyInventory(): Inventory {
  return { settings: {}, isFull: false };
}

/** The only function that changes an inventory. */
export function applyInventoryChange(inventory: Inventory, { known, forgotten }: InventoryChange): void {
  const { settings } = inventory;
  for (const address of forgotten) delete settings[address];
  let count = Object.keys(settings).length;
  for (const [address, setting] of known) {
    const isNew = !Object.hasOwn(settings, address);
    if (isNew && count >= settingsMax) inventory.isFull = true;
    else {
      settings[address] = setting;
      if (isNew) count += 1;
    }
  }
}

/** What a station's answer to a forwarded command says; null where that is nothing new. `answer` is the payload of its CALLRESULT. */
export function learn(
  inventory: Inventory,
  action: string,
  command: Payload,
  answer: Payload,
): InventoryChange | null {
  const draft: Draft = { known: [], forgotten: [] };
  const { members } = answer;
  switch (action) {
    case 'GetConfiguration':
      for (const entry of listOf(members, 'configurationKey')) learnKey(draft, membersOf(entry));
      for (const key of listOf(members, 'unknownKey'))
        if (typeof key === 'string') draft.forgotten.push(addressOfKey(key));
      break;
    case 'ChangeConfiguration': {
      // RebootRequired: which of the two values the station has until then is not said.
      if (textOf(members, 'status') !== 'Accepted') break;
      const key = textOf(command.members, 'key') ?? '';
      const known = inventory.settings[addressOfKey(key)];
      learnKey(draft, { key: known?.key ?? key, value: command.members['value'], readonly: false });
      break;
    }
    case 'GetVariables':
      for (const entry of listOf(members, 'getVariableResult')) learnVariable(draft, membersOf(entry));
      break;
    case 'SetVariables': {
      const values = new Map(
        listOf(command.members, 'setVariableData').map((element) => [
          addressOfElement(element),
          membersOf(element)['attributeValue'],
        ]),
      );
      for (const entry of listOf(members, 'setVariableResult')) {
        if (textOf(membersOf(entry), 'attributeStatus') !== 'Accepted') continue;
        const attributeValue = values.get(addressOfElement(entry));
        if (attributeValue !== undefined) learnVariable(draft, { ...membersOf(entry), attributeValue });
      }
      break;
    }
    default:
  }
  return changeOf(inventory, draft);
}

/** What a part of a station's report says (NotifyReport, 2.x B07, B08). */
export function learnReport(inventory: Inventory, report: Payload): InventoryChange | null {
  const draft: Draft = { known: [], forgotten: [] };
  for (const entry of listOf(report.members, 'reportData')) {
    const { component, variable } = membersOf(entry);
    for (const attribute of listOf(membersOf(entry), 'variableAttribute')) {
      const { type, value, mutability } = membersOf(attribute);
      learnVariable(draft, {
        component,
        variable,
        ...(type === undefined ? {} : { attributeType: type }),
        attributeStatus: 'Accepted',
        attributeValue: value,
        mutability,
      });
    }
  }
  return changeOf(inventory, draft);
}

interface Draft {
  readonly known: [string, KnownSetting][];
  readonly forgotten: string[];
}

/** Leaves out what is known already. */
function changeOf(inventory: Inventory, draft: Draft): InventoryChange | null {
  const known = draft.known.filter(([address, setting]) => {
    const before = Object.hasOwn(inventory.settings, address) ? inventory.settings[address] : undefined;
    return (
      before?.value !== setting.value ||
      before.isReadonly !== setting.isReadonly ||
      before.isTooLong !== setting.isTooLong
    );
  });
  const forgotten = draft.forgotten.filter((address) => Object.hasOwn(inventory.settings, address));
  return known.length === 0 && forgotten.length === 0 ? null : { known, forgotten };
}

function learnKey(draft: Draft, entry: Members): void {
  const key = textOf(entry, 'key');
  if (key === null || key.length > 50 || isSecretName(key)) return;
  draft.known.push([
    addressOfKey(key),
    { key, name: null, isReadonly: entry['readonly'] === true, ...kept(textOf(entry, 'value')) },
  ]);
}

function learnVariable(draft: Draft, entry: Members): void {
  const name = variableOf(entry);
  if (name === null || isSecretVariable(name)) return;
  const address = addressOf(name);
  switch (textOf(entry, 'attributeStatus')) {
    case 'Accepted': {
      const isReadonly = entry['mutability'] === 'ReadOnly';
      draft.known.push([address, { key: '', name, isReadonly, ...kept(textOf(entry, 'attributeValue')) }]);
      break;
    }
    case 'UnknownComponent':
    case 'UnknownVariable':
    case 'NotSupportedAttributeType':
      draft.forgotten.push(address);
      break;
    default:
  }
}

function kept(value: string | null): { readonly value: string | null; readonly isTooLong: boolean } {
  const isTooLong = value !== null && value.length > valueCharactersMax;
  return { value: isTooLong ? null : value, isTooLong };
}

/** Never `__proto__` or the like: every address has a slash in it. */
function addressOfKey(key: string): string {
  return `key/${key.trim().toLowerCase()}`;
}

function addressOfElement(element: unknown): string {
  const name = variableOf(element);
  return name === null ? '' : addressOf(name);
}

function isSecretName(name: string): boolean {
  return secretNames.test(foldName(name));
}

function isSecretVariable({ component, variable }: VariableName): boolean {
  return [component.name, component.instance ?? '', variable.name, variable.instance ?? ''].some(
    isSecretName,
  );
}

const nothingKnown: Answer = {
  kind: 'error',
  meaning: 'generic',
  description: "Busbar does not know the station's settings yet.",
};

/** The answer to a backend's GetConfiguration or GetVariables that is not forwarded. */
export function serveSettings(
  inventory: Inventory,
  action: string,
  payload: Payload,
  virtual: VirtualValues,
): Answer {
  if (Object.keys(inventory.settings).length === 0 && Object.keys(virtual).length === 0) return nothingKnown;
  return action === 'GetConfiguration'
    ? serveKeys(inventory, payload.members, virtual)
    : serveVariables(inventory, payload.members, virtual);
}

function serveKeys({ settings }: Inventory, members: Members, virtual: VirtualValues): Answer {
  const asked = listOf(members, 'key').filter((key) => typeof key === 'string');
  const configurationKey: object[] = [];
  const unknownKey: string[] = [];
  const serve = (key: string, known: KnownSetting | undefined): void => {
    const own = valueIn(virtual, key);
    if (own !== undefined) configurationKey.push({ key: known?.key ?? key, readonly: false, value: own });
    else if (known === undefined || known.key === '') unknownKey.push(key.slice(0, 50));
    else {
      const value = known.value === null ? {} : { value: known.value };
      configurationKey.push({ key: known.key, readonly: known.isReadonly, ...value });
    }
  };
  if (asked.length > 0) {
    for (const key of asked) serve(key, settings[addressOfKey(key)]);
  } else {
    for (const known of Object.values(settings)) if (known.key !== '') serve(known.key, known);
  }
  return { kind: 'result', payload: JSON.stringify({ configurationKey, unknownKey }) };
}

function serveVariables({ settings }: Inventory, members: Members, virtual: VirtualValues): Answer {
  const components = new Set<string>();
  for (const { name } of Object.values(settings))
    if (name !== null) components.add(foldName(name.component.name));
  const results: object[] = [];
  for (const element of listOf(members, 'getVariableData')) {
    const name = variableOf(element);
    // What the schema does not allow cannot be named in an answer that it does.
    if (name === null)
      return { kind: 'error', meaning: 'format', description: 'An element does not name a variable.' };
    results.push({ ...resultOf(name, settings[addressOf(name)], components, virtual), ...name });
  }
  return results.length === 0
    ? { kind: 'error', meaning: 'occurrence', description: 'No variable is asked for.' }
    : { kind: 'result', payload: JSON.stringify({ getVariableResult: results }) };
}

function resultOf(
  name: VariableName,
  known: KnownSetting | undefined,
  components: ReadonlySet<string>,
  virtual: VirtualValues,
): object {
  const own =
    (name.attributeType ?? 'Actual') === 'Actual' ? valueIn(virtual, name.variable.name) : undefined;
  if (own !== undefined) return { attributeStatus: 'Accepted', attributeValue: own };
  if (isSecretVariable(name)) return rejected('WriteOnly', 'The variable is a secret.');
  if (known === undefined)
    return {
      attributeStatus: components.has(foldName(name.component.name)) ? 'UnknownVariable' : 'UnknownComponent',
      attributeStatusInfo: { reasonCode: 'NotKnown', additionalInfo: 'Not known to Busbar so far.' },
    };
  if (known.isTooLong) return rejected('TooLargeElement', 'Busbar does not keep values as long as this one.');
  if (known.value === null) return rejected('NotKnown', 'The value is not known to Busbar so far.');
  return { attributeStatus: 'Accepted', attributeValue: known.value };
}

function rejected(reasonCode: string, additionalInfo: string): object {
  return { attributeStatus: 'Rejected', attributeStatusInfo: { reasonCode, additionalInfo } };
}

function valueIn(virtual: VirtualValues, name: string): string | undefined {
  const key = foldName(name);
  return Object.hasOwn(virtual, key) ? virtual[key] : undefined;
}

/**
 * A station's answer to a forwarded GetConfiguration or GetVariables, as this backend is to see it: with its own values of what Busbar owns, and without the
 * secrets that some stations give away. The same text where there is nothing to change.
 */
export function overlay(
  version: OcppVersion,
  action: string,
  resultPayload: string,
  virtual: VirtualValues,
): string {
  const list = lists[action];
  if (list === undefined || (version === 'ocpp1.6') !== (action === 'GetConfiguration')) return resultPayload;
  const { members } = readPayload(resultPayload);
  let isChanged = false;
  const entries = listOf(members, list).map((entry) => {
    const seen =
      action === 'GetConfiguration' ? keySeen(membersOf(entry), virtual) : variableSeen(entry, virtual);
    isChanged ||= seen !== null;
    return seen ?? entry;
  });
  return isChanged ? JSON.stringify({ ...members, [list]: entries }) : resultPayload;
}

const lists: Readonly<Record<string, string>> = {
  GetConfiguration: 'configurationKey',
  GetVariables: 'getVariableResult',
};

/** Null: as it is. */
function keySeen(entry: Members, virtual: VirtualValues): object | null {
  const key = textOf(entry, 'key') ?? '';
  const own = valueIn(virtual, key);
  if (own !== undefined) return { ...entry, value: own };
  if (!isSecretName(key) || !('value' in entry)) return null;
  const { value: _, ...rest } = entry;
  return rest;
}

function variableSeen(entry: unknown, virtual: VirtualValues): object | null {
  const name = variableOf(entry);
  const members = membersOf(entry);
  if (name === null || members['attributeStatus'] !== 'Accepted') return null;
  const own =
    (name.attributeType ?? 'Actual') === 'Actual' ? valueIn(virtual, name.variable.name) : undefined;
  if (own !== undefined) return { ...members, attributeValue: own };
  if (!isSecretVariable(name)) return null;
  return { attributeStatus: 'Rejected', attributeStatusInfo: statusInfoOf('protected'), ...name };
}
