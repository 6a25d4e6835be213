/**
 * Charging profiles among the placed objects of a station.
 *
 * Pure. OCPP 1.6 §5.3, §5.16 and §3.13; 2.x K01, K10. Limits of the station's connection are never taken away, so that no more than their names are kept; profiles of a transaction end with it, and are not kept
 * at all.
 */
import { parseIsoTime } from '../../std/iso-time.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { integerOf, membersOf, textOf, type Members } from './payload.ts';
import {
  familyOf,
  type Cleared,
  type PlacedProfile,
  type PlacedRules,
  type PlacingCommand,
} from './placed-object.ts';

export const profileRules: PlacedRules<PlacedProfile> = {
  versions: new Set(['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1']),
  places: 'SetChargingProfile',
  clears: 'ClearChargingProfile',
  replacedBy: new Set(['RemoteStartTransaction', 'RequestStartTransaction']),
  read,
  isPassing: ({ payload }) => textOf(profileOf(payload.members), 'chargingProfilePurpose') === 'TxProfile',
  // 2.1 K28: a dynamic one is changed by its backend all the time.
  isWhole: ({ purpose }, { payload }) =>
    clearable.has(purpose) && textOf(profileOf(payload.members), 'chargingProfileKind') !== 'Dynamic',
  isInPlaceOf,
  cleared,
  replaces: startedWith,
  isLimit: ({ purpose }) => !clearable.has(purpose),
  labelOf: ({ purpose }) => purpose,
  clearing: (id, version) => (version === 'ocpp1.6' ? { id: Number(id) } : { chargingProfileId: Number(id) }),
  statusOf: (answer) => textOf(answer, 'status'),
  unknown: 'Unknown',
  duplicate: null,
};

/** These may be taken away. All others limit the station's connection, or are not known. */
const clearable: ReadonlySet<string> = new Set(['TxDefaultProfile', 'PriorityCharging', 'LocalGeneration']);
const criteriaNames: ReadonlySet<string> = new Set([
  'connectorId',
  'evseId',
  'chargingProfilePurpose',
  'stackLevel',
]);

function profileOf(members: Members): Members {
  return membersOf(members['csChargingProfiles'] ?? members['chargingProfile']);
}

function idName(version: OcppVersion): string {
  return version === 'ocpp1.6' ? 'chargingProfileId' : 'id';
}

function read({ version, from, payload }: PlacingCommand): PlacedProfile | null {
  const { members } = payload;
  const is16 = version === 'ocpp1.6';
  const profile = membersOf(members[is16 ? 'csChargingProfiles' : 'chargingProfile']);
  const id = integerOf(profile, idName(version));
  const connector = integerOf(members, is16 ? 'connectorId' : 'evseId');
  const purpose = textOf(profile, 'chargingProfilePurpose');
  const stackLevel = integerOf(profile, 'stackLevel');
  if (payload.isAmbiguous || id === null || connector === null || purpose === null || stackLevel === null)
    return null;
  return {
    kind: 'profile',
    id: String(id),
    family: familyOf(version),
    backend: from,
    connector,
    purpose,
    stackLevel,
    endsAt: parseIsoTime(textOf(profile, 'validTo') ?? ''),
    payload: null,
    asideAt: null,
  };
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

/** `Unknown` says that it is not there, whoever took it away. */
function cleared(
  rows: readonly PlacedProfile[],
  { version, payload, answer }: PlacingCommand,
): Cleared | null {
  const status = answer === null ? null : textOf(answer, 'status');
  if (status !== 'Accepted' && status !== 'Unknown') return null;
  const { members, isAmbiguous } = payload;
  const id = integerOf(members, version === 'ocpp1.6' ? 'id' : 'chargingProfileId');
  if (id !== null && !isAmbiguous) return { named: [String(id)], met: [], inPart: [], isAll: false };
  const criteria = version === 'ocpp1.6' ? members : membersOf(members['chargingProfileCriteria']);
  const met = rows.filter((row) => isAmbiguous || meets(row, criteria)).map((row) => row.id);
  const isAll = !isAmbiguous && Object.keys(criteria).every((name) => !criteriaNames.has(name));
  return { named: [], met, inPart: [], isAll };
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

/** A transaction's profile takes the place of any that has its number (2.x K01.FR.05). */
function startedWith({ version, payload }: PlacingCommand): string | null {
  const id = integerOf(membersOf(payload.members['chargingProfile']), idName(version));
  return id === null ? null : String(id);
}
