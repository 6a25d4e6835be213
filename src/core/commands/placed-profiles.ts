/**
 * The charging profiles that a station was given through Busbar and still has: what may be taken away because of a move, since it can be given back.
 *
 * Pure. OCPP 1.6 §5.3, §5.16 and §3.13; 2.x K01, K10. No version lets a station be asked for all of a profile in the words in which it was set, so that these are kept when the station accepts them, in its own
 * terms. Bounded: what is beyond is known to be there and not what it is, and stays. Limits of the station's connection are never taken away, so that no more than their names are kept; profiles of a transaction
 * end with it, and are not kept at all. What the station drops by itself is not heard of; it says so when it is asked to clear it.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { IdFamily } from '../ids/ledger.ts';
import { integerOf, membersOf, textOf, type Members, type Payload } from './payload.ts';

/** Plain JSON. */
export interface PlacedProfile {
  /** The station's number for it, as text. */
  readonly id: string;
  readonly family: IdFamily;
  /** Who placed it: a backend, or an operator. */
  readonly backend: string;
  /** 1.6: the connector, 2.x: the EVSE; 0: the station. */
  readonly connector: number;
  readonly purpose: string;
  readonly stackLevel: number;
  /** `validTo`, wall clock, milliseconds since 1970; null: it has no end. */
  readonly endsAt: number | null;
  /** The payload that the station accepted, in its own terms; null: that is not known whole. */
  readonly payload: string | null;
  /** When it was cleared by its number in an operator's name, as a move does: it is kept to be placed again. null: the station has it. */
  readonly asideAt: number | null;
}

export interface PlacedProfiles {
  /** Oldest first. */
  readonly rows: readonly PlacedProfile[];
  /** The station has more than there is room for here. */
  readonly hasMore: boolean;
}

/** One record of what is another now. */
export interface ProfilesChange {
  /** Numbers of those that the station has no more. */
  readonly gone: readonly string[];
  /** It takes the place of the one with its number. */
  readonly put: PlacedProfile | null;
  readonly hasMore: boolean;
}

/** A station has a few. The next one is known to be there only. */
export const profilesMax = 32;
/** Characters of all payloads of a station. One that has no room is known by its name only. */
export const profileCharactersMax = 16_384;
/** So long one is kept that is set aside, at least: when another is placed after that, it makes room. */
export const asideMs = 180 * 86_400_000;

/** A command about profiles that the station has answered, or may have carried out. */
export interface ProfileCommand {
  readonly version: OcppVersion;
  readonly action: string;
  readonly from: string;
  readonly isOperator: boolean;
  readonly payload: Payload;
  /** The status of the station's answer; null: none came, and nobody knows. */
  readonly status: string | null;
  /** Wall clock, milliseconds since 1970. */
  readonly wallMs: number;
}

const actions: ReadonlySet<string> = new Set([
  'SetChargingProfile',
  'ClearChargingProfile',
  'RemoteStartTransaction',
  'RequestStartTransaction',
]);

/** Whether an answer to this action tells of profiles at all. */
export function concernsProfiles(action: string): boolean {
  return actions.has(action);
}

/** What the command came to; null: what is known stays as it is. */
export function profilesAfter(known: PlacedProfiles | null, command: ProfileCommand): ProfilesChange | null {
  const after = known ?? { rows: [], hasMore: false };
  switch (command.action) {
    case 'SetChargingProfile':
      return command.status === null ? maybeSet(after, command) : setAfter(after, command);
    case 'ClearChargingProfile':
      return clearedAfter(after, command);
    default:
      return startedAfter(after, command);
  }
}

/** null: nothing is worth keeping. */
export function withProfiles(known: PlacedProfiles | null, change: ProfilesChange): PlacedProfiles | null {
  const { gone, put, hasMore } = change;
  const kept = (known?.rows ?? []).filter(({ id }) => id !== put?.id && !gone.includes(id));
  const rows = put === null ? kept : [...kept, put];
  return rows.length === 0 && !hasMore ? null : { rows, hasMore };
}

export function familyOf(version: OcppVersion): IdFamily {
  return version === 'ocpp1.6' ? 'v16' : 'v2';
}

function setAfter(after: PlacedProfiles, command: ProfileCommand): ProfilesChange | null {
  if (command.status !== 'Accepted') return null;
  const set = readSet(command);
  if (set === null) return { gone: [], put: null, hasMore: true };
  const known = after.rows.find(({ id }) => id === set.id);
  if (set.purpose === txProfile)
    return known === undefined ? null : { gone: [set.id], put: null, hasMore: after.hasMore };
  const isBack = command.isOperator && known?.payload === command.payload.text;
  // One that was set aside does not stand in the way of others' profiles, and only its own backend puts another in its place.
  const gone = after.rows.filter(
    (row) =>
      row.id !== set.id &&
      (row.family !== set.family ||
        (row.asideAt !== null && command.wallMs - row.asideAt >= asideMs) ||
        (isInPlaceOf(set, row) && (row.asideAt === null || row.backend === command.from))),
  );
  const ids = gone.map(({ id }) => id);
  if (isBack && known !== undefined)
    return { gone: ids, put: { ...known, asideAt: null }, hasMore: after.hasMore };
  const rest = after.rows.filter(({ id }) => id !== set.id && !ids.includes(id));
  if (rest.length >= profilesMax) return { gone: [...ids, set.id], put: null, hasMore: true };
  return { gone: ids, put: { ...set, payload: wholeIn(rest, set, command) }, hasMore: after.hasMore };
}

/** It may be there by now, and another with its number may not. */
function maybeSet(after: PlacedProfiles, command: ProfileCommand): ProfilesChange | null {
  const set = readSet(command);
  if (set === null) return { gone: [], put: null, hasMore: true };
  const known = after.rows.find(({ id }) => id === set.id);
  if (set.purpose === txProfile && known === undefined) return null;
  // Put back and not answered: it is put back once more.
  if (known !== undefined && known.asideAt !== null && command.isOperator) return null;
  if (known === undefined && after.rows.length >= profilesMax) return { gone: [], put: null, hasMore: true };
  const put = { ...(set.purpose === txProfile && known !== undefined ? known : set), payload: null };
  return { gone: [], put, hasMore: after.hasMore };
}

/** `Unknown` says that it is not there, whoever took it away. */
function clearedAfter(
  after: PlacedProfiles,
  { version, from, isOperator, payload, status, wallMs }: ProfileCommand,
): ProfilesChange | null {
  if (status !== 'Accepted' && status !== 'Unknown') return null;
  const { members } = payload;
  const id = integerOf(members, version === 'ocpp1.6' ? 'id' : 'chargingProfileId');
  if (id !== null && !payload.isAmbiguous) {
    const row = after.rows.find((one) => one.id === String(id));
    if (row === undefined || (row.asideAt !== null && isOperator)) return null;
    const isKept = isOperator && row.payload !== null;
    return {
      gone: isKept ? [] : [row.id],
      put: isKept ? { ...row, asideAt: wallMs } : null,
      hasMore: after.hasMore,
    };
  }
  const criteria = version === 'ocpp1.6' ? members : membersOf(members['chargingProfileCriteria']);
  const gone = after.rows.filter(
    (row) =>
      (payload.isAmbiguous || meets(row, criteria)) &&
      (row.asideAt === null || row.backend === from || isOperator),
  );
  const isAll = Object.keys(criteria).every((name) => !criteriaNames.has(name)) && !payload.isAmbiguous;
  const hasMore = after.hasMore && !isAll;
  if (gone.length === 0 && hasMore === after.hasMore) return null;
  return { gone: gone.map((row) => row.id), put: null, hasMore };
}

/** A transaction's profile takes the place of any that has its number (2.x K01.FR.05). */
function startedAfter(
  after: PlacedProfiles,
  { version, payload, status }: ProfileCommand,
): ProfilesChange | null {
  if (status !== null && status !== 'Accepted') return null;
  const id = integerOf(membersOf(payload.members['chargingProfile']), idName(version));
  if (!after.rows.some((row) => row.id === String(id))) return null;
  return { gone: [String(id)], put: null, hasMore: after.hasMore };
}

const txProfile = 'TxProfile';
/** These may be taken away. All others limit the station's connection, or are not known. */
const clearable: ReadonlySet<string> = new Set(['TxDefaultProfile', 'PriorityCharging', 'LocalGeneration']);
const criteriaNames: ReadonlySet<string> = new Set([
  'connectorId',
  'evseId',
  'chargingProfilePurpose',
  'stackLevel',
]);

function idName(version: OcppVersion): string {
  return version === 'ocpp1.6' ? 'chargingProfileId' : 'id';
}

/** As it was set; null where it cannot be read. */
function readSet({ version, from, payload }: ProfileCommand): PlacedProfile | null {
  const { members } = payload;
  const is16 = version === 'ocpp1.6';
  const profile = membersOf(members[is16 ? 'csChargingProfiles' : 'chargingProfile']);
  const id = integerOf(profile, idName(version));
  const connector = integerOf(members, is16 ? 'connectorId' : 'evseId');
  const purpose = textOf(profile, 'chargingProfilePurpose');
  const stackLevel = integerOf(profile, 'stackLevel');
  if (payload.isAmbiguous || id === null || connector === null || purpose === null || stackLevel === null)
    return null;
  const endsAt = Date.parse(textOf(profile, 'validTo') ?? '');
  return {
    id: String(id),
    family: familyOf(version),
    backend: from,
    connector,
    purpose,
    stackLevel,
    endsAt: Number.isNaN(endsAt) ? null : endsAt,
    payload: null,
    asideAt: null,
  };
}

/** null: it may not be taken away, is changed by its backend all the time (2.1 K28), or has no room. */
function wholeIn(
  rest: readonly PlacedProfile[],
  { purpose }: PlacedProfile,
  { payload }: ProfileCommand,
): string | null {
  const { members, text } = payload;
  const profile = membersOf(members['csChargingProfiles'] ?? members['chargingProfile']);
  if (!clearable.has(purpose) || textOf(profile, 'chargingProfileKind') === 'Dynamic') return null;
  const taken = rest.reduce((sum, row) => sum + (row.payload?.length ?? 0), 0);
  return taken + text.length > profileCharactersMax ? null : text;
}

/** 1.6 §5.16: of the same purpose and level. A 2.x station refuses such a one, unless the two are valid at different times. */
function isInPlaceOf(set: PlacedProfile, row: PlacedProfile): boolean {
  return (
    set.family === 'v16' &&
    set.purpose === row.purpose &&
    set.stackLevel === row.stackLevel &&
    set.connector === row.connector
  );
}

function meets({ connector, purpose, stackLevel }: PlacedProfile, criteria: Members): boolean {
  const wanted = integerOf(criteria, 'connectorId') ?? integerOf(criteria, 'evseId');
  const level = integerOf(criteria, 'stackLevel');
  return (
    (wanted ?? connector) === connector &&
    (level ?? stackLevel) === stackLevel &&
    (textOf(criteria, 'chargingProfilePurpose') ?? purpose) === purpose
  );
}

/** A profile of the backend that a station leaves. `limit`: it is not to be taken away. `not_whole`: it could not be placed again. */
export interface FoundProfile {
  readonly id: string;
  readonly purpose: string;
  readonly connector: number;
  readonly fate: 'clear' | 'limit' | 'not_whole';
}

/** Those that the backend placed and the station still has, oldest first. */
export function profilesOf(
  profiles: PlacedProfiles | null,
  backend: string,
  version: OcppVersion,
  wallMs: number,
): FoundProfile[] {
  const found = (profiles?.rows ?? []).filter(
    (row) => row.backend === backend && row.asideAt === null && !isEnded(row, wallMs),
  );
  return found.map(({ id, purpose, connector, payload, family }) => {
    const fate = !clearable.has(purpose)
      ? 'limit'
      : payload === null || family !== familyOf(version)
        ? 'not_whole'
        : 'clear';
    return { id, purpose, connector, fate };
  });
}

/** Its time is over: a station goes by it no more, whether or not it keeps it. */
export function isEnded({ endsAt }: PlacedProfile, wallMs: number): boolean {
  return endsAt !== null && endsAt <= wallMs;
}
