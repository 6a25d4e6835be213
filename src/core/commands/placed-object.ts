/**
 * What backends place in a station and what stays there: charging profiles, display messages, default tariffs. What is to be known of each kind, for one ledger of all of them.
 *
 * Pure, types only but for names. No version lets a station be asked for all of an object in the words in which it was set, so that these are kept when the station accepts them, in its own terms.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { IdFamily } from '../ids/ledger.ts';
import type { Members, Payload } from './payload.ts';

export const placedKinds = ['profile', 'displayMessage', 'tariff'] as const;
export type PlacedKind = (typeof placedKinds)[number];

/** What plans, stations and reports call all of a kind. */
export const pluralOf = {
  profile: 'profiles',
  displayMessage: 'displayMessages',
  tariff: 'tariffs',
} as const satisfies Readonly<Record<PlacedKind, string>>;
/** What people call one of them. */
export const nounOf: Readonly<Record<PlacedKind, string>> = {
  profile: 'profile',
  displayMessage: 'display message',
  tariff: 'tariff',
};
export type PlacedPlural = (typeof pluralOf)[PlacedKind];

/** Plain JSON. */
interface Placed {
  /** The station's number or name for it. */
  readonly id: string;
  readonly family: IdFamily;
  /** Who placed it: a backend, or an operator. */
  readonly backend: string;
  /** 1.6: the connector, 2.x: the EVSE; 0: the station. */
  readonly connector: number;
  /** Its time is over then, wall clock, milliseconds since 1970; null: it has no end. */
  readonly endsAt: number | null;
  /** The payload that the station accepted, in its own terms; null: that is not known whole. */
  readonly payload: string | null;
  /** When it was cleared by its number in an operator's name, as a move does: it is kept to be placed again. null: the station has it. */
  readonly asideAt: number | null;
  /** Aside: it was to be placed again, and nobody heard what came of it. */
  readonly mayBeBack?: true;
  /** Not aside: it was to be cleared by its id in an operator's name, and nobody heard what came of it. */
  readonly mayBeGone?: true;
}

export interface PlacedProfile extends Placed {
  readonly kind: 'profile';
  readonly purpose: string;
  readonly stackLevel: number;
}

export interface PlacedMessage extends Placed {
  readonly kind: 'displayMessage';
  readonly priority: string;
}

export interface PlacedTariff extends Placed {
  readonly kind: 'tariff';
  readonly currency: string;
  /** Wall clock, milliseconds since 1970; null: since it was placed. */
  readonly validFrom: number | null;
}

export type PlacedObject = PlacedProfile | PlacedMessage | PlacedTariff;

/** A command about placed objects that the station has answered, or may have carried out. */
export interface PlacingCommand {
  readonly version: OcppVersion;
  readonly action: string;
  readonly from: string;
  readonly isOperator: boolean;
  readonly payload: Payload;
  /** The station's answer; null: none came, and nobody knows. */
  readonly answer: Members | null;
  /** Wall clock, milliseconds since 1970. */
  readonly wallMs: number;
}

/** What an answered command took away. */
export interface Cleared {
  /** Each by its id. */
  readonly named: readonly string[];
  /** Met by what they are. */
  readonly met: readonly string[];
  /** Still there in a part of the places that they were set for. */
  readonly inPart: readonly string[];
  /** No other of the kind is left either. */
  readonly isAll: boolean;
}

/** One kind: which commands are about it, and what they come to. */
export interface PlacedRules<Of extends PlacedObject = PlacedObject> {
  /** Other versions have no such objects. */
  readonly versions: ReadonlySet<OcppVersion>;
  readonly places: string;
  readonly clears: string;
  /** Commands for something else which may put one in the place of what is known. */
  readonly replacedBy: ReadonlySet<string>;
  /** As it is set, and not yet said to be whole; null where it cannot be read. */
  readonly read: (command: PlacingCommand) => Of | null;
  /** It goes with its transaction, and is not kept. */
  readonly isPassing: (command: PlacingCommand) => boolean;
  /** It may be taken away, and be placed again in the same words. */
  readonly isWhole: (set: Of, command: PlacingCommand) => boolean;
  /** The station cannot have both, whatever their ids. */
  readonly isInPlaceOf: (set: Of, row: Of, wallMs: number) => boolean;
  /** null: nothing. */
  readonly cleared: (rows: readonly Of[], command: PlacingCommand) => Cleared | null;
  /** Of a command of `replacedBy`: the id of what it puts there; null: nothing. */
  readonly replaces: (command: PlacingCommand) => string | null;
  /** It is never taken away: what it keeps from happening is worse than what it leaves behind. */
  readonly isLimit: (row: Of) => boolean;
  /** What it is, for people: its purpose, priority or currency. */
  readonly labelOf: (row: Of) => string;
  /** The payload that clears it by its id. */
  readonly clearing: (id: string, version: OcppVersion) => object;
  /** How the station's answer to that, or to the placing, reads; null: it cannot be read. */
  readonly statusOf: (answer: Members, id: string) => string | null;
  /** The status that says it is not there. */
  readonly unknown: string;
  /** The status that says another with its id is still there, which may pass; null: none does. */
  readonly duplicate: string | null;
}

export function familyOf(version: OcppVersion): IdFamily {
  return version === 'ocpp1.6' ? 'v16' : 'v2';
}
