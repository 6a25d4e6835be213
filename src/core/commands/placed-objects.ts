/**
 * The ledger of what a station was given through Busbar and still has: what may be taken away because of a move, since it can be given back.
 *
 * Pure. Bounded: what is beyond is known to be there and not what it is, and stays. What the station drops by itself is not heard of; it says so when it is asked to clear it.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { textOf } from './payload.ts';
import { messageRules } from './placed-messages.ts';
import {
  familyOf,
  placedKinds,
  type PlacedKind,
  type PlacedObject,
  type PlacedProfile,
  type PlacedRules,
  type PlacingCommand,
} from './placed-object.ts';
import { profileRules } from './placed-profiles.ts';
import { tariffRules } from './placed-tariffs.ts';

/** Plain JSON. */
export interface PlacedObjects {
  /** Those of a kind in the order in which they were placed. */
  readonly rows: readonly PlacedObject[];
  /** Of these kinds the station has more than there is room for here. */
  readonly more: readonly PlacedKind[];
}

/** One record of what of a kind is another now. */
export interface PlacedChange {
  readonly kind: PlacedKind;
  /** Ids of those that the station has no more. */
  readonly gone: readonly string[];
  /** They take the place of those with their ids. */
  readonly put: readonly PlacedObject[];
  readonly hasMore: boolean;
}

/** A station has a few of each kind. The next one is known to be there only. */
export const placedMax = 32;
/** Characters of all payloads of a kind at a station. One that has no room is known by its name only. */
export const placedCharactersMax = 16_384;
/** So long one is kept that is set aside, at least: when another is placed after that, it makes room. */
export const asideMs = 180 * 86_400_000;

/** What a kind goes by. Its rules are given nothing but rows of their own. */
export function rulesOf(kind: PlacedKind): PlacedRules {
  return rules[kind] as unknown as PlacedRules;
}

const rules = { profile: profileRules, displayMessage: messageRules, tariff: tariffRules } as const;

const kindByAction: ReadonlyMap<string, PlacedKind> = new Map(
  placedKinds.flatMap((kind) => {
    const { places, clears, replacedBy } = rulesOf(kind);
    return [places, clears, ...replacedBy].map((action) => [action, kind] as const);
  }),
);

/** The kind that an answer to this action tells of; null: none. */
export function kindOf(action: string): PlacedKind | null {
  return kindByAction.get(action) ?? null;
}

/** The kind that this action places; null: it places nothing. */
export function placedBy(action: string): PlacedKind | null {
  const kind = kindOf(action);
  return kind !== null && rulesOf(kind).places === action ? kind : null;
}

/** What the command came to; null: what is known stays as it is. */
export function placedAfter(known: PlacedObjects | null, command: PlacingCommand): PlacedChange | null {
  const kind = kindOf(command.action);
  if (kind === null || !rulesOf(kind).versions.has(command.version)) return null;
  const { places, clears } = rulesOf(kind);
  const ofKind = { kind, rules: rulesOf(kind), rows: rowsOf(known, kind), hasMore: hasMoreOf(known, kind) };
  switch (command.action) {
    case places:
      return command.answer === null ? maybePlaced(ofKind, command) : placed(ofKind, command);
    case clears:
      return cleared(ofKind, command);
    default:
      return replaced(ofKind, command);
  }
}

/** null: nothing is worth keeping. */
export function withPlaced(known: PlacedObjects | null, change: PlacedChange): PlacedObjects | null {
  const { kind, gone, put, hasMore } = change;
  const rows: PlacedObject[] = [];
  for (const row of known?.rows ?? []) {
    const next = row.kind === kind ? put.find(({ id }) => id === row.id) : undefined;
    // What is only in doubt keeps its place in the order.
    if (next !== undefined && isUncertain(next)) rows.push(next);
    else if (next === undefined && (row.kind !== kind || !gone.includes(row.id))) rows.push(row);
  }
  rows.push(...put.filter((one) => !rows.includes(one)));
  const others = (known?.more ?? []).filter((each) => each !== kind);
  const more = hasMore ? [...others, kind] : others;
  return rows.length === 0 && more.length === 0 ? null : { rows, more };
}

export function rowsOf(known: PlacedObjects | null, kind: PlacedKind): readonly PlacedObject[] {
  return (known?.rows ?? []).filter((row) => row.kind === kind);
}

export function hasMoreOf(known: PlacedObjects | null, kind: PlacedKind): boolean {
  return known?.more.includes(kind) ?? false;
}

/** What a station was saved with; `profiles`: when charging profiles were all that was kept. */
export interface SavedObjects {
  readonly objects?: PlacedObjects | null;
  readonly profiles?: {
    readonly rows: readonly Omit<PlacedProfile, 'kind'>[];
    readonly hasMore: boolean;
  } | null;
}

export function resumeObjects(saved: SavedObjects): PlacedObjects | null {
  if (saved.objects !== undefined) return saved.objects;
  if (saved.profiles == null) return null;
  const rows: PlacedProfile[] = [];
  for (const row of saved.profiles.rows) rows.push({ kind: 'profile', ...row });
  return { rows, more: saved.profiles.hasMore ? ['profile'] : [] };
}

/** An object of the backend that a station leaves. `limit`: it is not to be taken away. `not_whole`: it could not be placed again. */
export interface FoundObject {
  readonly id: string;
  /** What it is, for people. */
  readonly label: string;
  readonly connector: number;
  readonly fate: 'clear' | 'limit' | 'not_whole';
}

/** Those of a kind that the backend placed and the station still has, in the order in which they were placed. */
export function foundOf(
  known: PlacedObjects | null,
  kind: PlacedKind,
  backend: string,
  version: OcppVersion,
  wallMs: number,
): FoundObject[] {
  const { isLimit, labelOf } = rulesOf(kind);
  const found = rowsOf(known, kind).filter(
    (row) =>
      row.backend === backend && (row.asideAt === null || row.mayBeBack === true) && !isEnded(row, wallMs),
  );
  return found.map((row) => {
    const { id, connector, payload, family } = row;
    const isWhole = payload !== null && family === familyOf(version);
    const fate = isLimit(row) ? 'limit' : isWhole ? 'clear' : 'not_whole';
    return { id, label: labelOf(row), connector, fate };
  });
}

/** Its time is over: a station goes by it no more, whether or not it keeps it. */
export function isEnded({ endsAt }: PlacedObject, wallMs: number): boolean {
  return endsAt !== null && endsAt <= wallMs;
}

/** What is known of the kind that a command is about. */
interface KnownKind {
  readonly kind: PlacedKind;
  readonly rules: PlacedRules;
  readonly rows: readonly PlacedObject[];
  readonly hasMore: boolean;
}

/** The station has taken it. */
function placed(known: KnownKind, command: PlacingCommand): PlacedChange | null {
  const { kind, rows, hasMore } = known;
  const status = textOf(command.answer ?? {}, 'status');
  if (status === null || (status !== 'Accepted' && status !== known.rules.duplicate)) return null;
  const set = known.rules.read(command);
  if (set === null) return status === 'Accepted' ? { kind, gone: [], put: [], hasMore: true } : null;
  const before = rows.find(({ id }) => id === set.id);
  const isAgain = before !== undefined && command.isOperator && before.payload === command.payload.text;
  // It has one of this id: the one that was placed again when nobody heard the answer, or one that a session still goes by.
  if (status !== 'Accepted' && !(isAgain && isUncertain(before))) return null;
  if (known.rules.isPassing(command))
    return before === undefined ? null : { kind, gone: [set.id], put: [], hasMore };
  const gone = displacedBy(known, set, command);
  if (isAgain) return { kind, gone, put: [backAgain(before)], hasMore };
  const rest = rows.filter(({ id }) => id !== set.id && !gone.includes(id));
  if (rest.length >= placedMax) return { kind, gone: [...gone, set.id], put: [], hasMore: true };
  const payload = known.rules.isWhole(set, command) ? textIn(rest, command) : null;
  return { kind, gone, put: [{ ...set, payload }], hasMore };
}

function backAgain({ mayBeBack: _mayBeBack, mayBeGone: _mayBeGone, ...row }: PlacedObject): PlacedObject {
  return { ...row, asideAt: null };
}

/** Whether the station has it, nobody heard. */
function isUncertain({ mayBeBack, mayBeGone }: PlacedObject): boolean {
  return mayBeBack === true || mayBeGone === true;
}

/** One that was set aside does not stand in the way of what others place, and only its own backend puts another in its place. */
function displacedBy(
  { rules: { isInPlaceOf }, rows }: KnownKind,
  set: PlacedObject,
  { wallMs, from }: PlacingCommand,
): string[] {
  const gone = rows.filter(
    (row) =>
      row.id !== set.id &&
      (row.family !== set.family ||
        (row.asideAt !== null && wallMs - row.asideAt >= asideMs) ||
        (isInPlaceOf(set, row, wallMs) && (row.asideAt === null || row.backend === from))),
  );
  return gone.map(({ id }) => id);
}

/** null: it has no room. */
function textIn(rest: readonly PlacedObject[], { payload: { text } }: PlacingCommand): string | null {
  const taken = rest.reduce((sum, row) => sum + (row.payload?.length ?? 0), 0);
  return taken + text.length > placedCharactersMax ? null : text;
}

/** It may be there by now, and another with its id may not. */
function maybePlaced(known: KnownKind, command: PlacingCommand): PlacedChange | null {
  const { kind, rows, hasMore } = known;
  const set = known.rules.read(command);
  if (set === null) return { kind, gone: [], put: [], hasMore: true };
  const before = rows.find(({ id }) => id === set.id);
  const isPassing = known.rules.isPassing(command);
  if (isPassing && before === undefined) return null;
  // Put back and not answered: it is put back once more.
  if (before !== undefined && before.asideAt !== null && command.isOperator)
    return before.mayBeBack === true
      ? null
      : { kind, gone: [], put: [{ ...before, mayBeBack: true }], hasMore };
  // The same once more, over what is there or may be: it stays what it is.
  if (before !== undefined && command.isOperator && before.payload === command.payload.text) return null;
  if (before === undefined && rows.length >= placedMax) return { kind, gone: [], put: [], hasMore: true };
  const put = { ...(isPassing && before !== undefined ? before : set), payload: null };
  return { kind, gone: [], put: [put], hasMore };
}

/** What an operator clears by its id is set aside, if it can be placed again. Others cannot mean what is aside. */
function cleared(known: KnownKind, command: PlacingCommand): PlacedChange | null {
  const { kind, rows, hasMore } = known;
  const { from, isOperator, wallMs } = command;
  const what = known.rules.cleared(rows, command);
  if (what === null) return command.answer === null ? maybeCleared(known, command) : null;
  const gone: string[] = [];
  const put: PlacedObject[] = [];
  for (const row of rows) {
    const isAside = row.asideAt !== null;
    if (what.named.includes(row.id)) {
      if (isOperator && isAside) {
        if (row.mayBeBack === true) put.push({ ...backAgain(row), asideAt: row.asideAt });
        continue;
      }
      if (isOperator && row.payload !== null) put.push({ ...backAgain(row), asideAt: wallMs });
      else gone.push(row.id);
    } else if (what.met.includes(row.id)) {
      if (!isAside || isOperator || row.backend === from) gone.push(row.id);
    } else if (what.inPart.includes(row.id) && !isAside && row.payload !== null)
      put.push({ ...row, payload: null });
  }
  const stillMore = hasMore && !what.isAll;
  if (gone.length + put.length === 0 && stillMore === hasMore) return null;
  return { kind, gone, put, hasMore: stillMore };
}

/** The station may have it no more: where it is to be there, it is placed once more. */
function maybeCleared(
  { kind, rules: { clearing }, rows, hasMore }: KnownKind,
  command: PlacingCommand,
): PlacedChange | null {
  if (!command.isOperator) return null;
  const { text } = command.payload;
  const row = rows.find(
    ({ id, asideAt, payload }) =>
      asideAt === null && payload !== null && JSON.stringify(clearing(id, command.version)) === text,
  );
  if (row === undefined || row.mayBeGone === true) return null;
  return { kind, gone: [], put: [{ ...row, mayBeGone: true }], hasMore };
}

/** Whether it was carried out or not may be unknown: then it counts as gone, since it cannot be put back as it was. */
function replaced(
  { kind, rules: { replaces }, rows, hasMore }: KnownKind,
  command: PlacingCommand,
): PlacedChange | null {
  if (command.answer !== null && textOf(command.answer, 'status') !== 'Accepted') return null;
  const id = replaces(command);
  if (id === null || !rows.some((row) => row.id === id)) return null;
  return { kind, gone: [id], put: [], hasMore };
}
