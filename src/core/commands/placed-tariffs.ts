/**
 * Default tariffs among the placed objects of a station.
 *
 * Pure. OCPP 2.1 I07 SetDefaultTariff, I10 ClearTariffs. EVSE 0 stands for all of them (I07.FR.10), so that a tariff set there takes the place of those of single EVSEs; one of a single EVSE leaves it to the others.
 * One that is valid later stands beside the present one until then. Tariffs of drivers and of transactions come and go with them, and are not placed.
 */
import { parseIsoTime } from '../../std/iso-time.ts';
import { integerOf, listOf, membersOf, textOf, type Members } from './payload.ts';
import type { Cleared, PlacedRules, PlacedTariff, PlacingCommand } from './placed-object.ts';

export const tariffRules: PlacedRules<PlacedTariff> = {
  versions: new Set(['ocpp2.1']),
  places: 'SetDefaultTariff',
  clears: 'ClearTariffs',
  replacedBy: new Set(),
  read,
  isPassing: () => false,
  isWhole: () => true,
  isInPlaceOf,
  cleared,
  replaces: () => null,
  isLimit: () => false,
  labelOf: ({ currency }) => currency,
  clearing: (id) => ({ tariffIds: [id] }),
  statusOf: (answer, id) => textOf(answer, 'status') ?? saidOf(answer, id),
  unknown: 'NoTariff',
  // I07.FR.04. I10.FR.07: one that a transaction uses is there until that ends, though it was cleared.
  duplicate: 'DuplicateTariffId',
};

function read({ from, payload }: PlacingCommand): PlacedTariff | null {
  const { members, isAmbiguous } = payload;
  const tariff = membersOf(members['tariff']);
  const id = textOf(tariff, 'tariffId');
  const connector = integerOf(members, 'evseId');
  if (isAmbiguous || id === null || connector === null) return null;
  return {
    kind: 'tariff',
    id,
    family: 'v2',
    backend: from,
    connector,
    currency: textOf(tariff, 'currency') ?? '',
    validFrom: parseIsoTime(textOf(tariff, 'validFrom') ?? ''),
    endsAt: null,
    payload: null,
    asideAt: null,
  };
}

/** Of the same EVSE and from the same time on. What a station drops besides, it says when it is to clear it. */
function isInPlaceOf(set: PlacedTariff, row: PlacedTariff, wallMs: number): boolean {
  const from = ({ validFrom }: PlacedTariff): number => Math.max(validFrom ?? 0, wallMs);
  return (set.connector === 0 || set.connector === row.connector) && from(set) === from(row);
}

/** Each tariff has a status of its own. Without ids all are cleared, without an EVSE everywhere. */
function cleared(rows: readonly PlacedTariff[], { payload, answer }: PlacingCommand): Cleared | null {
  if (answer === null || results(answer).length === 0) return null;
  const { members, isAmbiguous } = payload;
  const ids = new Set(listOf(members, 'tariffIds'));
  const evse = (isAmbiguous ? null : integerOf(members, 'evseId')) ?? 0;
  const isByName = ids.size > 0 && !isAmbiguous;
  const said = rows.filter(({ id }) => isGone(saidOf(answer, id)) && (!isByName || ids.has(id)));
  const gone = said.filter(({ connector }) => evse === 0 || connector === evse).map(({ id }) => id);
  const inPart = said.filter(
    ({ id, connector }) => connector === 0 && evse !== 0 && saidOf(answer, id) === 'Accepted',
  );
  return {
    named: isByName ? gone : [],
    met: isByName ? [] : gone,
    inPart: inPart.map(({ id }) => id),
    isAll: ids.size === 0 && evse === 0 && !isAmbiguous && results(answer).every(isGoneIn),
  };
}

function results(answer: Members): readonly Members[] {
  return listOf(answer, 'clearTariffsResult').map(membersOf);
}

function isGoneIn(result: Members): boolean {
  return isGone(textOf(result, 'status'));
}

/** `NoTariff` says that it is not there. */
function isGone(status: string | null): boolean {
  return status === 'Accepted' || status === 'NoTariff';
}

/** What the station said of this one; of several words the first that leaves it there. An answer without an id is about all that were asked for. */
function saidOf(answer: Members, id: string): string | null {
  const about = results(answer).filter((result) => (textOf(result, 'tariffId') ?? id) === id);
  const left = about.find((result) => !isGoneIn(result));
  return textOf(left ?? about[0] ?? {}, 'status');
}
