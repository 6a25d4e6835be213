/**
 * What a backend reads of a station's settings: served from the inventory, or the station's own answer as that backend is to see it.
 *
 * Pure. A backend's own values of the settings that Busbar owns (intercept.ts) stand over what the station has. Secrets are not served, and those that some stations
 * give away are taken out.
 */
import { eachValue, splice, withMember, type Edit } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import {
  addressOfKey,
  isSecretName,
  isSecretVariable,
  type Inventory,
  type KnownSetting,
} from './inventory.ts';
import { foldName, listOf, readPayload, textOf, type Members, type Payload } from './payload.ts';
import { statusInfoOf, type Answer } from './refusal.ts';
import { addressOf, variableOf, type VariableName } from './variable.ts';

/** A backend's own values, by folded key (1.6) or variable (2.x): VirtualValue in settings.ts. */
export type VirtualValues = Readonly<Record<string, string>>;

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
  const edits: Edit[] = [];
  eachValue(resultPayload, 0, [list, '*'], (_, start, end) => {
    const entry = readPayload(resultPayload.slice(start, end));
    const seen = action === 'GetConfiguration' ? keySeen(entry, virtual) : variableSeen(entry, virtual);
    if (seen === 'as_it_is') return;
    const name = action === 'GetConfiguration' ? 'value' : 'attributeValue';
    edits.push(...editsFor(resultPayload, start, end, name, seen));
  });
  return splice(resultPayload, edits);
}

/** What a backend sees of one entry: another value, none, or another entry. */
type Seen =
  | 'as_it_is'
  | { readonly value: string }
  | { readonly withoutValue: true }
  | { readonly instead: object };

/** The changes to the entry between these places, whose value is the member `name`, however often it is written and with whatever escapes. */
function editsFor(
  text: string,
  start: number,
  end: number,
  name: string,
  seen: Exclude<Seen, 'as_it_is'>,
): readonly Edit[] {
  if ('instead' in seen) return [{ start, end, text: JSON.stringify(seen.instead) }];
  const token = 'value' in seen ? JSON.stringify(seen.value) : null;
  const edits: Edit[] = [];
  eachValue(text, start, [name], (memberStart, valueStart, valueEnd) => {
    edits.push({ start: token === null ? memberStart : valueStart, end: valueEnd, text: token });
  });
  if (edits.length > 0 || token === null) return edits;
  return [{ start, end, text: withMember(text.slice(start, end), 0, name, token) }];
}

const lists: Readonly<Record<string, string>> = {
  GetConfiguration: 'configurationKey',
  GetVariables: 'getVariableResult',
};

/** What two parsers may read differently could be a secret to the other one, under another name. */
function keySeen({ members, isAmbiguous }: Payload, virtual: VirtualValues): Seen {
  const key = textOf(members, 'key') ?? '';
  const own = valueIn(virtual, key);
  if (own !== undefined) return { value: own };
  if (isSecretName(key)) return { withoutValue: true };
  return isAmbiguous ? { instead: { key, readonly: members['readonly'] === true } } : 'as_it_is';
}

function variableSeen({ members, isAmbiguous }: Payload, virtual: VirtualValues): Seen {
  const name = variableOf(members);
  if (isAmbiguous) return { instead: { ...protectedResult, ...name } };
  if (name === null || members['attributeStatus'] !== 'Accepted') return 'as_it_is';
  const own =
    (name.attributeType ?? 'Actual') === 'Actual' ? valueIn(virtual, name.variable.name) : undefined;
  if (own !== undefined) return { value: own };
  if (!isSecretVariable(name)) return 'as_it_is';
  return { instead: { ...protectedResult, ...name } };
}

const protectedResult = { attributeStatus: 'Rejected', attributeStatusInfo: statusInfoOf('protected') };
