/**
 * What Busbar knows of a station's settings, to answer the reads of backends that only listen in.
 *
 * Pure. Learned from the station's own answers to commands that were forwarded, and from its reports; plain JSON, saved with the station, changed by
 * {@link applyInventoryChange} only. Bounded: at most `settingsMax` settings, later ones are not kept; a value longer than `valueCharactersMax` is known to exist
 * and not kept. Secrets are neither kept nor served.
 */
import { secretNames } from './connection-keys.ts';
import { foldName, listOf, membersOf, textOf, type Members, type Payload } from './payload.ts';
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
  // What is read as harmless here may be a secret's to a parser that reads the first of two.
  if (answer.isAmbiguous) return null;
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
  if (report.isAmbiguous) return null;
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

/** Where a key of 1.6 stands. Never `__proto__` or the like: every address has a slash in it. */
export function addressOfKey(key: string): string {
  return `key/${key.trim().toLowerCase()}`;
}

function addressOfElement(element: unknown): string {
  const name = variableOf(element);
  return name === null ? '' : addressOf(name);
}

/** A name whose value is a secret. */
export function isSecretName(name: string): boolean {
  return secretNames.test(foldName(name));
}

/** A variable whose value is a secret. */
export function isSecretVariable({ component, variable }: VariableName): boolean {
  return [component.name, component.instance ?? '', variable.name, variable.instance ?? ''].some(
    isSecretName,
  );
}
