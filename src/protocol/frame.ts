/**
 * One OCPP-J message as it lies on the wire: where its parts are, and how to change its id without touching the rest.
 *
 * Pure. OCPP-J 1.6 §4.2, OCPP 2.0.1 and 2.1 Part 4 §4.2: a JSON array whose first element tells the type. The text is read once,
 * by the scanner in json-scan.ts, and kept; nothing is ever serialised again. Liberal in two places the field needs: a missing or null
 * payload passes (1.6 has both notations), and a message id may be up to 255 characters, since every hop gets a new one anyway.
 */
import { frequentActionAt } from './frequent-actions.ts';
import { scanJson, type JsonScan } from './json-scan.ts';
import type { OcppVersion } from './version.ts';

/** The OCPP-J message types. `result` is CALLRESULT, `error` CALLERROR, `result_error` 2.1's CALLRESULTERROR, `send` 2.1's SEND. */
export type FrameKind = 'call' | 'result' | 'error' | 'result_error' | 'send';

/** A well-formed frame. Offsets are UTF-16 positions in the text it was decoded from. */
export interface Frame {
  readonly kind: FrameKind;
  /** Start and end of the message id as JSON, quotes included. */
  readonly idStart: number;
  readonly idEnd: number;
  /** The action of a call or send; '' for the others, which do not carry one. */
  readonly action: string;
  /** Start and end of the payload as JSON (of the error code, for errors); both are `idEnd` when there is none. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/** Why a text is no frame. The answer each version prescribes is in malformed.ts. */
export type FrameFault =
  | 'not_json'
  | 'too_deep'
  | 'not_an_array'
  | 'bad_type'
  | 'unknown_type'
  | 'bad_id'
  | 'bad_action'
  | 'bad_payload'
  | 'bad_length';

export interface Malformed {
  readonly kind: 'invalid';
  readonly fault: FrameFault;
  /** The frame's type number where it could be read. */
  readonly typeNumber: number | null;
  /** The message id as JSON, quotes included, where it could be read. */
  readonly idToken: string | null;
}

/** Longest message id that is accepted. The specifications say 36; firmware exists that does not. */
export const messageIdCharactersMax = 255;

/** Deepest nesting that is accepted: far beyond any OCPP schema, far below what troubles a parser. */
export const nestingMax = 32;

const kinds: Readonly<Record<number, FrameKind>> = {
  2: 'call',
  3: 'result',
  4: 'error',
  5: 'result_error',
  6: 'send',
};

/** The highest type number a version knows: CALLRESULTERROR and SEND came with 2.1. */
function typeNumberMax(version: OcppVersion): number {
  return version === 'ocpp2.1' ? 6 : 4;
}

/** Reads one frame of a link that speaks this version. Linear in the text, allocates only the answer. */
export function decode(text: string, version: OcppVersion): Frame | Malformed {
  const scan = scanJson(text, nestingMax);
  if (scan.fault !== null) return malformed(scan.fault, null, null);
  if (!scan.isArray) return malformed('not_an_array', null, null);
  const { starts, ends, count } = scan;
  if (count === 0) return malformed('bad_type', null, null);
  const idStart = starts[1] as number;
  const idEnd = ends[1] as number;
  const hasId = count > 1 && isId(text, idStart, idEnd);
  const typeNumber = typeNumberAt(text, starts[0] as number, ends[0] as number);
  const kind = typeNumber === null || typeNumber > typeNumberMax(version) ? undefined : kinds[typeNumber];
  if (typeNumber === null || kind === undefined || !hasId) {
    const idToken = hasId ? text.slice(idStart, idEnd) : null;
    if (typeNumber === null) return malformed('bad_type', null, idToken);
    return malformed(kind === undefined ? 'unknown_type' : 'bad_id', typeNumber, idToken);
  }
  switch (kind) {
    case 'call':
    case 'send': {
      if (count < 3 || text.charCodeAt(starts[2] as number) !== quote)
        return malformed('bad_action', typeNumber, text.slice(idStart, idEnd));
      const action = actionAt(text, starts[2] as number, ends[2] as number);
      if (action === '') return malformed('bad_action', typeNumber, text.slice(idStart, idEnd));
      if (count > 4) return malformed('bad_length', typeNumber, text.slice(idStart, idEnd));
      const hasBody = count > 3 && !isEmptyArray(text, starts[3] as number, ends[3] as number);
      const bodyStart = hasBody ? (starts[3] as number) : idEnd;
      const bodyEnd = hasBody ? (ends[3] as number) : idEnd;
      if (hasBody && !isObjectOrNull(text, bodyStart))
        return malformed('bad_payload', typeNumber, text.slice(idStart, idEnd));
      return { kind, idStart, idEnd, action, bodyStart, bodyEnd };
    }
    case 'result': {
      if (count > 3) return malformed('bad_length', typeNumber, text.slice(idStart, idEnd));
      const hasBody = count > 2 && !isEmptyArray(text, starts[2] as number, ends[2] as number);
      if (hasBody && !isObjectOrNull(text, starts[2] as number))
        return malformed('bad_payload', typeNumber, text.slice(idStart, idEnd));
      return answer(kind, idStart, idEnd, hasBody, scan);
    }
    case 'error':
    case 'result_error':
      if (count > 5) return malformed('bad_length', typeNumber, text.slice(idStart, idEnd));
      return answer(kind, idStart, idEnd, count > 2, scan);
  }
}

/** The same text with another message id, which must not need JSON escapes. Everything else stays as received, to the byte. */
export function withMessageId(text: string, frame: Frame, messageId: string): string {
  return `${text.slice(0, frame.idStart)}"${messageId}"${text.slice(frame.idEnd)}`;
}

/** The same text with another message id, given as JSON with its quotes: how an answer gets its caller's own id back. */
export function withIdToken(text: string, frame: Frame, idToken: string): string {
  return text.slice(0, frame.idStart) + idToken + text.slice(frame.idEnd);
}

/** The message id as JSON, quotes included, as it stands in the text. */
export function idTokenOf(text: string, frame: Frame): string {
  return text.slice(frame.idStart, frame.idEnd);
}

/** True when the frame's id is exactly this one (one that needed no escapes). */
export function hasMessageId(text: string, frame: Frame, messageId: string): boolean {
  return (
    frame.idEnd - frame.idStart === messageId.length + 2 && text.startsWith(messageId, frame.idStart + 1)
  );
}

/** The payload's JSON, or '{}' where the frame has none. */
export function payloadOf(text: string, frame: Pick<Frame, 'bodyStart' | 'bodyEnd'>): string {
  return frame.bodyStart === frame.bodyEnd ? '{}' : text.slice(frame.bodyStart, frame.bodyEnd);
}

const quote = 0x22;
const zero = 0x30;
const openBrace = 0x7b;
const openBracket = 0x5b;

function answer(
  kind: FrameKind,
  idStart: number,
  idEnd: number,
  hasBody: boolean,
  { starts, ends }: Pick<JsonScan, 'starts' | 'ends'>,
): Frame {
  return {
    kind,
    idStart,
    idEnd,
    action: '',
    bodyStart: hasBody ? (starts[2] as number) : idEnd,
    bodyEnd: hasBody ? (ends[2] as number) : idEnd,
  };
}

/** What some languages write for an object that has no members (PHP): it passes, and counts as no payload. */
function isEmptyArray(text: string, start: number, end: number): boolean {
  return text.charCodeAt(start) === openBracket && text.slice(start + 1, end - 1).trim() === '';
}

function isId(text: string, start: number, end: number): boolean {
  const characters = end - start - 2;
  return text.charCodeAt(start) === quote && characters > 0 && characters <= messageIdCharactersMax;
}

function isObjectOrNull(text: string, start: number): boolean {
  const code = text.charCodeAt(start);
  return code === openBrace || code === 0x6e;
}

/** null where the type is no whole number. */
function typeNumberAt(text: string, start: number, end: number): number | null {
  const digit = text.charCodeAt(start) - zero;
  if (end - start === 1 && digit >= 0 && digit <= 9) return digit;
  const token = text.slice(start, end);
  return /^-?\d+$/.test(token) ? Number(token) : null;
}

/** What the quoted action says. */
function actionAt(text: string, start: number, end: number): string {
  const known = frequentActionAt(text, start + 1, end - 1);
  if (known !== null) return known;
  const inner = text.slice(start + 1, end - 1);
  return inner.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : inner;
}

function malformed(fault: FrameFault, typeNumber: number | null, idToken: string | null): Malformed {
  return { kind: 'invalid', fault, typeNumber, idToken };
}
