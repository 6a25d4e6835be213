/**
 * OCPP-J texts as the test kit reads and writes them.
 *
 * Pure. Independent of protocol/frame.ts on purpose: peers and checkers must not share a mistake with what they check.
 */
export interface Message {
  /** 2 call, 3 result, 4 error, 5 result error, 6 send. */
  readonly type: number;
  readonly id: string;
  /** Of a call or send; '' for the others. */
  readonly action: string;
  /** Of a call, send or result; {} where it is no object. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Of an error. */
  readonly code: string;
}

/** Reads one text, or null when it is no OCPP-J message. */
export function readMessage(text: string): Message | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(value)) return null;
  const [type, id, third, fourth] = value as unknown[];
  if (typeof type !== 'number' || type < 2 || type > 6 || typeof id !== 'string') return null;
  const isCall = type === 2 || type === 6;
  if (isCall && typeof third !== 'string') return null;
  return {
    type,
    id,
    action: isCall ? (third as string) : '',
    payload: record(isCall ? fourth : third),
    code: type === 4 || type === 5 ? String(third) : '',
  };
}

/** The value as an object, {} when it is none. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

const head = /^\s*\[\s*\d+\s*,\s*("(?:[^"\\]|\\.)*")/s;

/**
 * Identifiers that one side assigns and the gateway says in each side's own words. A 2.x transaction's is the station's own text and stays as it is.
 */
const mapped = /("(?:requestId|chargingProfileId)"\s*:\s*)(?:-?\d+|"[^"]*")|("transactionId"\s*:\s*)-?\d+/g;

/** Those of somebody else are left out of what the others get. */
/** And what a backend hears of a call that was answered in its place. */
const leftOut =
  /"offline"\s*:\s*(?:true|false)\s*,|\s*,\s*"offline"\s*:\s*(?:true|false)|"(?:remoteStartId|reservationId)"\s*:\s*-?\d+\s*,\s*|\s*,\s*"(?:remoteStartId|reservationId)"\s*:\s*-?\d+/g;

/** Settings that Busbar owns: a backend reads the value it wrote, whatever the station has. */
const owned = '"(?:HeartbeatInterval|WebSocketPingInterval)"';
const ownedValues = new RegExp(
  `("key"\\s*:\\s*${owned}[^}]*?"value"\\s*:\\s*")[^"]*|("attributeValue"\\s*:\\s*")[^"]*(?="\\s*,\\s*"component"[^}]*\\}\\s*,\\s*"variable"\\s*:\\s*\\{\\s*"name"\\s*:\\s*${owned})`,
  'g',
);

/** What any of these names. */
const named =
  /"(?:offline|remoteStartId|reservationId|requestId|chargingProfileId|transactionId|HeartbeatInterval|WebSocketPingInterval)"/;

/**
 * The text without its message id, and with the identifiers and settings blanked that backends and station know by other values: what a relay must leave as
 * it is, to the byte. The whole text where it has no id.
 */
export function contentOf(text: string): string {
  const match = head.exec(text);
  const idToken = match?.[1];
  if (match === null || idToken === undefined) return text;
  const end = match[0].length;
  const content = text.slice(0, end - idToken.length) + text.slice(end);
  // Most texts have nothing of it, and this is asked of every one.
  if (!named.test(content)) return content;
  return content
    .replaceAll(leftOut, '')
    .replaceAll(ownedValues, (_, one: string | undefined, two: string | undefined) => one ?? two ?? '')
    .replaceAll(mapped, (_, one: string | undefined, two: string | undefined) => `${one ?? two}0`);
}

/** A call as text. `body` is JSON. */
export function callText(id: string, action: string, body: string, spacing: 'compact' | 'spaced'): string {
  return spacing === 'compact' ? `[2,"${id}","${action}",${body}]` : `[2, "${id}", "${action}", ${body}]`;
}

export function sendText(id: string, action: string, body: string): string {
  return `[6,"${id}","${action}",${body}]`;
}

/** `id` may be any text that was received. */
export function resultText(id: string, body: string): string {
  return `[3,${JSON.stringify(id)},${body}]`;
}

export function errorText(id: string, code: string, description: string): string {
  return `[4,${JSON.stringify(id)},"${code}",${JSON.stringify(description)},{}]`;
}

/** A payload as JSON, in one of two styles that both occur in the field. */
export function bodyText(payload: unknown, spacing: 'compact' | 'spaced'): string {
  if (spacing === 'compact') return JSON.stringify(payload);
  return JSON.stringify(payload, null, 1).replaceAll(/\n\s*/g, ' ');
}

/** A number that is written as given, such as `230.10`, which no serialiser would write. */
export function rawNumber(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);
}
