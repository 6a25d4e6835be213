/**
 * Settings that a backend asked a station for and may not write, in its own spelling: what to think of before it is put in charge.
 *
 * Pure. A new backend sets what it wants right after the boot that it is told of, when nothing may be changed yet.
 */
import { listOf, membersOf, textOf, type Payload } from './payload.ts';

/** Plain JSON. */
export interface AskedSetting {
  /** 1.6: null. */
  readonly component: string | null;
  readonly key: string;
  readonly value: string;
}

export type SettingName = Pick<AskedSetting, 'component' | 'key'>;

/** By backend, oldest first. */
export type AskedSettings = Record<string, readonly AskedSetting[]>;

/** Of one backend at one station; the one asked for longest ago makes room. */
const askedMax = 32;

export function askedBy(asked: AskedSettings, backend: string): readonly AskedSetting[] {
  return Object.hasOwn(asked, backend) ? (asked[backend] ?? []) : [];
}

/** Those that are not known with the same value. */
export function newlyAsked(
  known: readonly AskedSetting[],
  settings: readonly AskedSetting[],
): AskedSetting[] {
  return settings.filter(
    (one) => !known.some((other) => isSameSetting(one, other) && one.value === other.value),
  );
}

/** What is known with these. */
export function withAsked(known: readonly AskedSetting[], settings: readonly AskedSetting[]): AskedSetting[] {
  const kept = known.filter((one) => !settings.some((other) => isSameSetting(one, other)));
  return [...kept, ...settings].slice(-askedMax);
}

/** What is left once the backend has written these itself. */
export function withoutAsked(
  known: readonly AskedSetting[],
  written: readonly SettingName[],
): AskedSetting[] {
  return known.filter((one) => !written.some((other) => isSameSetting(one, other)));
}

/** What a command wrote, by the station's answer to it. */
export function writtenBy(action: string, asked: Payload, result: Payload): SettingName[] {
  if (action === 'ChangeConfiguration') {
    const key = textOf(asked.members, 'key');
    return key !== null && isTaken(textOf(result.members, 'status')) ? [{ component: null, key }] : [];
  }
  if (action !== 'SetVariables') return [];
  return listOf(result.members, 'setVariableResult')
    .map(membersOf)
    .filter((entry) => isTaken(textOf(entry, 'attributeStatus')))
    .map((entry) => ({
      component: textOf(membersOf(entry['component']), 'name'),
      key: textOf(membersOf(entry['variable']), 'name') ?? '',
    }));
}

function isTaken(status: string | null): boolean {
  return status === 'Accepted' || status === 'RebootRequired';
}

/** Names are compared as stations compare them, without case (1.6 §5.2; 2.x Part 2 appendix). */
export function isSameSetting(one: SettingName, other: SettingName): boolean {
  return (
    one.key.toLowerCase() === other.key.toLowerCase() &&
    one.component?.toLowerCase() === other.component?.toLowerCase()
  );
}
