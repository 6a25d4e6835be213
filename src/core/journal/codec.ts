/**
 * Records as text: how a batch of them becomes one string and comes back.
 *
 * Pure. This stands on every frame's path, so nothing is serialised: a record is a few short fields and then the frame's own text, whose
 * length is told beforehand, so that it needs no escaping and comes back to the byte. A body is record after record:
 *
 *     LENGTH ':' TYPE STATION '\t' AT '\t' fields, each ended by '\t' ... text
 *
 * STATION is empty where a record is of none. LENGTH counts the UTF-16 units after the colon, so a reader that wants one station or one hour steps over the rest without reading it.
 * Texts must be well-formed UTF-16, which those of a WebSocket message always are (RFC 6455 §8.1). A checksum is the store's affair: it
 * covers what is written, which is bytes. A journal outlives its program, so a letter below is never given another meaning.
 */
import type { FrameKind } from '../../protocol/frame.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { isOcppVersion } from '../../protocol/version.ts';
import { unreachable } from '../../std/assert.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import type { HeldMessage } from '../hold/held-message.ts';
import { RecentFields } from './recent-fields.ts';
import { positionsOf } from './record.ts';
import type {
  BillingRecord,
  BootFacts,
  DeliveryRecord,
  DropReason,
  DurableChange,
  FrameRecord,
  GapCause,
  HeldRecord,
  JournalRecord,
  LearnedRecord,
  LinkName,
  Outcome,
  SentPurpose,
  SentRecord,
  SkipReason,
} from './record.ts';

/** Which records of a body are wanted; what is absent does not filter. */
export interface RecordFilter {
  readonly station?: StationId | undefined;
  /** Of frames and of dropped calls; other records carry none and do not match. */
  readonly action?: string | undefined;
  /** From this wall-clock time on, milliseconds since 1970. */
  readonly fromMs?: number | undefined;
  /** Before this wall-clock time. */
  readonly toMs?: number | undefined;
  /** Records that take no position at or after this one are left out. */
  readonly fromPosition?: number | undefined;
}

export interface PlacedRecord {
  readonly position: number;
  readonly record: JournalRecord;
}

/** Why a body cannot be read. With a checksum that holds, this is a newer program's body. */
export type DecodeFault = 'torn' | 'malformed';

/** The record as it is appended to a body. */
export function encodeRecord(record: JournalRecord): string {
  const content = contentOf(record);
  return `${content.length}:${content}`;
}

/** The records of a body that pass the filter, with their positions. `firstPosition` is that of the body's first record. */
export function decodeRecords(
  body: string,
  firstPosition: number,
  filter: RecordFilter = {},
): Result<PlacedRecord[], DecodeFault> {
  const { fromPosition = 0, station } = filter;
  const stationField = station === undefined ? null : `${station}\t`;
  const placed: PlacedRecord[] = [];
  let position = firstPosition;
  let at = 0;
  while (at < body.length) {
    const colon = body.indexOf(':', at);
    if (colon === -1 || colon - at > lengthDigitsMax) return fail('torn');
    const length = naturalOf(body.slice(at, colon));
    if (length === null) return fail('malformed');
    const start = colon + 1;
    const end = start + length;
    if (end > body.length) return fail('torn');
    const isRelayed = body.charCodeAt(start) === relayedLetter;
    const lastPosition = isRelayed ? position + 1 : position;
    if (lastPosition >= fromPosition && (stationField === null || body.startsWith(stationField, start + 1))) {
      const record = recordOf(body, start, end);
      if (record === null || positionsOf(record) !== lastPosition - position + 1) return fail('malformed');
      if (passes(record, filter)) placed.push({ position, record });
    }
    position = lastPosition + 1;
    at = end;
  }
  return ok(placed);
}

/** The longest length prefix: a body is far below 10 GiB. */
const lengthDigitsMax = 10;
const relayedLetter = 'R'.charCodeAt(0);

function contentOf(record: JournalRecord): string {
  switch (record.type) {
    case 'frame': {
      const { relayedTo, relayedIdToken, latencyMs } = record;
      const head = `${record.station}\t${timeText(record.at)}\t${kindLetters[record.kind]}${linkField(record.link)}\t${actionField(record.action)}\t${record.idStart}\t${record.idEnd}\t${outcomeLetters[record.outcome]}${latencyMs ?? ''}\t`;
      if (relayedTo === null) return `F${head}${record.text}`;
      return `R${head}${linkField(relayedTo)}\t${relayedIdToken === null ? '' : relayedIdToken.length}\t${relayedIdToken ?? ''}${record.text}`;
    }
    case 'sent':
      return `${sentLetters[record.purpose]}${record.station}\t${timeText(record.at)}\t${kindLetters[record.kind]}${linkField(record.link)}\t${actionField(record.action)}\t${record.idStart}\t${record.idEnd}\t${record.text}`;
    case 'dropped':
      return `D${record.station}\t${timeText(record.at)}\t${linkField(record.link)}\t${actionField(record.action)}\t${record.reason}\t`;
    case 'skipped':
      return `K${record.station}\t${timeText(record.at)}\t${linkField(record.link)}\t${record.copies}\t${record.reason}\t`;
    case 'changed':
      return `C${record.station}\t${timeText(record.at)}\t${JSON.stringify(record.change)}`;
    case 'held': {
      const { text, ...rest } = record.message;
      return `H${record.station}\t${timeText(record.at)}\t${JSON.stringify(rest)}\n${text}`;
    }
    case 'delivery': {
      const { backend, number, action, outcome, delivery } = record;
      return `V${record.station}\t${timeText(record.at)}\t${JSON.stringify({ backend, number, action, outcome, delivery })}`;
    }
    case 'learned': {
      const { backend, token, learned } = record;
      return `A${record.station}\t${timeText(record.at)}\t${JSON.stringify({ backend, token, learned })}`;
    }
    case 'link':
      return `L${record.station}\t${timeText(record.at)}\t${linkField(record.link)}\t${record.change}\t${record.version ?? ''}\t${record.code ?? ''}\t${textField(record.reason)}\t`;
    case 'booted': {
      const { vendor, model, firmware, serial } = record.boot;
      return `B${record.station}\t${timeText(record.at)}\t${textField(vendor)}\t${textField(model)}\t${textField(firmware)}\t${textField(serial)}\t`;
    }
    case 'billing': {
      const { backend, change, since, stations, messages, oldest } = record;
      return `M\t${timeText(record.at)}\t${JSON.stringify({ backend, change, since, stations, messages, oldest })}`;
    }
    case 'gap':
      return `G\t${timeText(record.at)}\t${record.records}\t${record.cause}\t`;
    default:
      return unreachable(record, 'every type of record has an encoding');
  }
}

const sentLetters: Readonly<Record<SentPurpose, string>> = {
  relay: 'S',
  copy: 'T',
  held: 'E',
  own: 'O',
};

const kindLetters: Readonly<Record<FrameKind | 'invalid', string>> = {
  call: 'c',
  result: 'r',
  error: 'e',
  result_error: 'x',
  send: 's',
  invalid: 'i',
};

const outcomeLetters: Readonly<Record<Outcome, string>> = {
  relayed: 'r',
  queued: 'q',
  joined: 'j',
  answered: 'a',
  covered: 'v',
  rewritten: 'w',
  consumed: 'c',
  late: 'l',
  repeated: 'p',
  foreign: 'f',
  ignored: 'i',
  refused: 'x',
};

const kindsByLetter = inverse(kindLetters);
const outcomesByLetter = inverse(outcomeLetters);
const dropReasons: ReadonlySet<string> = new Set<DropReason>([
  'caller_gone',
  'peer_gone',
  'expired',
  'withheld',
  'covered',
]);
const skipReasons: ReadonlySet<string> = new Set<SkipReason>(['lane_full', 'link_lost']);
const gapCauses: ReadonlySet<string> = new Set<GapCause>(['not_kept', 'unreadable']);

// Writing a millisecond count takes longer than the rest of a record's head, and the records of one read share it.
let lastTime = 0;
let lastTimeText = '0';

function timeText(at: number): string {
  if (at !== lastTime) {
    lastTime = at;
    lastTimeText = String(at);
  }
  return lastTimeText;
}

/** `station` is the empty field; a backend's name stands for its link. */
function linkField(link: LinkName): string {
  return link === 'station' ? '' : backendFields.of(link);
}

const backendPrefix = 'backend:';
const plain = /^[A-Za-z0-9_.:][\w .:/+()-]*$/;

/** A short text that a field may hold as it is, or as JSON where it could not be told apart; the empty field is null. */
function textField(text: string | null): string {
  if (text === null) return '';
  return plain.test(text) ? text : JSON.stringify(text);
}

const backendFields = new RecentFields((link) => textField(link.slice(backendPrefix.length)));
const actionFields = new RecentFields(textField);

function actionField(action: string | null): string {
  return action === null ? '' : actionFields.of(action);
}

/** Reads one record's content between two places of the body; null when it is none. */
function recordOf(body: string, start: number, end: number): JournalRecord | null {
  const fields = new Fields(body, start + 1, end);
  const station = fields.text() as StationId;
  const at = fields.number();
  const record = fieldsToRecord(body.charAt(start), station, at ?? 0, fields);
  return at === null || fields.isBroken ? null : record;
}

function fieldsToRecord(type: string, station: StationId, at: number, fields: Fields): JournalRecord | null {
  switch (type) {
    case 'F':
    case 'R':
      return frameOf(type === 'R', station, at, fields);
    case 'S':
      return sentOf('relay', station, at, fields);
    case 'E':
      return sentOf('held', station, at, fields);
    case 'H':
      return heldOf(station, at, fields);
    case 'V': {
      const told = fields.json() as Omit<DeliveryRecord, 'type' | 'at' | 'station'> | null;
      return told === null ? null : { type: 'delivery', at, station, ...told };
    }
    case 'A': {
      const told = fields.json() as Omit<LearnedRecord, 'type' | 'at' | 'station'> | null;
      return told === null ? null : { type: 'learned', at, station, ...told };
    }
    case 'T':
      return sentOf('copy', station, at, fields);
    case 'O':
      return sentOf('own', station, at, fields);
    case 'K': {
      const link = fields.link();
      const copies = fields.number() ?? 0;
      const reason = fields.text();
      return skipReasons.has(reason)
        ? { type: 'skipped', at, station, link, copies, reason: reason as SkipReason }
        : null;
    }
    case 'C': {
      const change = fields.json() as DurableChange | null;
      return change === null ? null : { type: 'changed', at, station, change };
    }
    case 'D': {
      const link = fields.link();
      const action = fields.string() ?? '';
      const reason = fields.text();
      return dropReasons.has(reason)
        ? { type: 'dropped', at, station, link, action, reason: reason as DropReason }
        : null;
    }
    case 'L': {
      const link = fields.link();
      const change = fields.text();
      const version = fields.text();
      const code = fields.number();
      const reason = fields.string();
      if (change !== 'opened' && change !== 'closed') return null;
      if (version !== '' && !isOcppVersion(version)) return null;
      return {
        type: 'link',
        at,
        station,
        link,
        change,
        version: version === '' ? null : version,
        code,
        reason,
      };
    }
    case 'B': {
      const boot: BootFacts = {
        vendor: fields.string(),
        model: fields.string(),
        firmware: fields.string(),
        serial: fields.string(),
      };
      return { type: 'booted', at, station, boot };
    }
    case 'M': {
      const told = fields.json() as Omit<BillingRecord, 'type' | 'at'> | null;
      return told === null ? null : { type: 'billing', at, ...told };
    }
    case 'G': {
      const records = fields.number() ?? 0;
      const cause = fields.text();
      return gapCauses.has(cause) ? { type: 'gap', at, records, cause: cause as GapCause } : null;
    }
    default:
      return null;
  }
}

function frameOf(isRelayed: boolean, station: StationId, at: number, fields: Fields): FrameRecord | null {
  const kind = kindsByLetter.get(fields.letter());
  const link = fields.link();
  const action = fields.string();
  const idStart = fields.number() ?? 0;
  const idEnd = fields.number() ?? 0;
  const outcome = outcomesByLetter.get(fields.letter());
  const latencyMs = fields.number();
  const relayedTo = isRelayed ? fields.link() : null;
  const tokenLength = isRelayed ? fields.number() : null;
  const relayedIdToken = tokenLength === null ? null : fields.take(tokenLength);
  const text = fields.rest();
  if (kind === undefined || outcome === undefined) return null;
  return {
    type: 'frame',
    at,
    station,
    link,
    kind,
    action,
    text,
    idStart,
    idEnd,
    outcome,
    relayedTo,
    relayedIdToken,
    latencyMs,
  };
}

function sentOf(purpose: SentPurpose, station: StationId, at: number, fields: Fields): SentRecord | null {
  const kind = kindsByLetter.get(fields.letter());
  const link = fields.link();
  const action = fields.string();
  const idStart = fields.number() ?? 0;
  const idEnd = fields.number() ?? 0;
  const text = fields.rest();
  if (kind === undefined || kind === 'invalid') return null;
  return { type: 'sent', purpose, at, station, link, kind, action, text, idStart, idEnd };
}

function heldOf(station: StationId, at: number, fields: Fields): HeldRecord | null {
  const rest = fields.rest();
  const end = rest.indexOf('\n');
  try {
    const message = JSON.parse(rest.slice(0, end)) as Omit<HeldMessage, 'text'>;
    return { type: 'held', at, station, message: { ...message, text: rest.slice(end + 1) } };
  } catch {
    return null;
  }
}

/** Reads a record's fields one after another. What is missing or not of its kind marks the record as broken. */
class Fields {
  isBroken = false;
  readonly #body: string;
  readonly #end: number;
  #at: number;

  constructor(body: string, start: number, end: number) {
    this.#body = body;
    this.#at = start;
    this.#end = end;
  }

  /** One letter, which is not ended by anything. */
  letter(): string {
    return this.take(1);
  }

  /** A field as it stands. */
  text(): string {
    const tab = this.#body.indexOf('\t', this.#at);
    if (tab === -1 || tab >= this.#end) {
      this.isBroken = true;
      return '';
    }
    const text = this.#body.slice(this.#at, tab);
    this.#at = tab + 1;
    return text;
  }

  /** What {@link textField} wrote. */
  string(): string | null {
    const text = this.text();
    if (text === '') return null;
    if (!text.startsWith('"')) return text;
    try {
      return JSON.parse(text) as string;
    } catch {
      this.isBroken = true;
      return null;
    }
  }

  link(): LinkName {
    const name = this.string();
    return name === null ? 'station' : `${backendPrefix}${name}`;
  }

  /** null: the field is empty. */
  number(): number | null {
    const text = this.text();
    if (text === '') return null;
    const value = Number(text);
    if (Number.isNaN(value)) this.isBroken = true;
    return value;
  }

  take(length: number): string {
    const end = this.#at + length;
    if (end > this.#end) this.isBroken = true;
    const text = this.#body.slice(this.#at, end);
    this.#at = end;
    return text;
  }

  /** What is left, as the JSON object it must be. */
  json(): object | null {
    try {
      const value: unknown = JSON.parse(this.rest());
      if (typeof value === 'object' && value !== null) return value;
    } catch {
      // A newer program's, or damaged: said below.
    }
    this.isBroken = true;
    return null;
  }

  rest(): string {
    return this.take(this.#end - this.#at);
  }
}

function naturalOf(digits: string): number | null {
  return /^\d+$/.test(digits) ? Number(digits) : null;
}

function passes(record: JournalRecord, filter: RecordFilter): boolean {
  const { station, action, fromMs, toMs } = filter;
  if (station !== undefined && (!('station' in record) || record.station !== station)) return false;
  if (fromMs !== undefined && record.at < fromMs) return false;
  if (toMs !== undefined && record.at >= toMs) return false;
  return action === undefined || ('action' in record && record.action === action);
}

function inverse<Name extends string>(letters: Readonly<Record<Name, string>>): ReadonlyMap<string, Name> {
  return new Map((Object.entries(letters) as [Name, string][]).map(([name, letter]) => [letter, name]));
}
