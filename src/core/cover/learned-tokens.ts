/**
 * What a backend's answers teach of tokens, and how that is kept so that a stolen disk tells nobody who may charge.
 *
 * Pure. The newest answer counts, whatever it says: a refusal unlearns an acceptance, as in a station's own cache (C10.FR.01, C10.FR.05). At rest a token is
 * only a digest, and its group is sealed with the token itself: whoever presents the token can have its group read again, nobody else can.
 */
import { assert } from '../../std/assert.ts';
import { parseIsoTime } from '../../std/iso-time.ts';
import { mayName } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { listOf, membersOf, readPayload, textOf, type Members, type Payload } from '../commands/payload.ts';
import type { LearnedToken } from '../hold/held-message.ts';
import { presentedToken } from './presented-token.ts';

/** What an answer says of a token. Its group is in the clear. */
export interface Lesson {
  readonly token: string;
  readonly learned: LearnedToken;
}

/** 128 bits of a text as 32 hex digits; keyed, or a short token can be found by trying. */
export type Digest = (text: string) => string;

/** Tokens that are known at once, of all backends; the one heard of longest ago makes room. */
export const learnedTokensMax = 500_000;

interface Names {
  readonly actions: ReadonlySet<string>;
  readonly info: string;
  readonly expiry: string;
  readonly group: string;
}

const ocpp16: Names = {
  actions: new Set(['Authorize', 'StartTransaction', 'StopTransaction']),
  info: 'idTagInfo',
  expiry: 'expiryDate',
  group: 'parentIdTag',
};

const ocpp2: Names = {
  actions: new Set(['Authorize', 'TransactionEvent']),
  info: 'idTokenInfo',
  expiry: 'cacheExpiryDateTime',
  group: 'groupIdToken',
};

/** The longest status of any version has 18. */
const statusCharactersMax = 20;
const groupCharactersMax = 2_000;

/**
 * What a backend's answer to a call teaches of the token in that call; null: nothing.
 *
 * `learned.group` is in the clear: it is to be sealed before it is kept.
 */
export function learnTokens(
  version: OcppVersion,
  action: string,
  callPayload: string,
  resultPayload: string,
  wallMs: number,
): Lesson | null {
  const names = version === 'ocpp1.6' ? ocpp16 : ocpp2;
  // Most answers to events say nothing of a token, and then nothing is read.
  if (!names.actions.has(action) || !mayName(resultPayload, 0, resultPayload.length, names.info)) return null;
  const result = readPayload(resultPayload);
  const info = membersOf(result.members[names.info]);
  const status = textOf(info, 'status');
  if (result.isAmbiguous || status === null || status.length > statusCharactersMax) return null;
  // It says that the token charges already, and nothing else of it: often of a start that came twice (H2).
  if (status === 'ConcurrentTx') return null;
  const token = presentedToken(version, readPayload(callPayload))?.text ?? null;
  if (token === null) return null;
  const learned: LearnedToken = {
    status: isForAnyEvse(info) ? statusWith(result.members, status) : 'Unknown',
    group: groupOf(version, info[names.group]),
    expiresAt: endOf(info, names.expiry, wallMs),
    learnedAt: wallMs,
  };
  return { token, learned };
}

/** The tokens that a backend's local authorization list (SendLocalList) refuses. At most as many as the list has entries. */
export function refusedIn(version: OcppVersion, payload: Payload, wallMs: number): Lesson[] {
  const { info } = version === 'ocpp1.6' ? ocpp16 : ocpp2;
  const lessons: Lesson[] = [];
  for (const entry of listOf(payload.members, 'localAuthorizationList')) {
    const members = membersOf(entry);
    const status = textOf(membersOf(members[info]), 'status');
    const token = presentedToken(version, { members, isAmbiguous: payload.isAmbiguous })?.text ?? null;
    if (token === null || status === null || status === 'Accepted' || status.length > statusCharactersMax)
      continue;
    lessons.push({ token, learned: { status, group: null, expiresAt: null, learnedAt: wallMs } });
  }
  return lessons;
}

/** A token that came with a contract's certificate is accepted with that only (C07). */
function statusWith(result: Members, status: string): string {
  const ofCertificate = Object.hasOwn(result, 'certificateStatus') ? result['certificateStatus'] : 'Accepted';
  return status === 'Accepted' && ofCertificate !== 'Accepted' ? 'Invalid' : status;
}

/** An acceptance for some EVSEs (2.x `evseId`) is no acceptance for the next one, and what is kept does not say for which. */
function isForAnyEvse(info: Members): boolean {
  return !Object.hasOwn(info, 'evseId');
}

/** An end that cannot be read has come: nothing may be open for ever because its end is unreadable. */
function endOf(info: Members, name: string, wallMs: number): number | null {
  const end = Object.hasOwn(info, name) ? info[name] : null;
  if (end === null) return null;
  return (typeof end === 'string' ? parseIsoTime(end) : null) ?? wallMs;
}

function groupOf(version: OcppVersion, group: unknown): string | null {
  if (!isGroup(version, group)) return null;
  const text = JSON.stringify(group);
  return text.length > groupCharactersMax ? null : text;
}

/** True for what can stand as a group token in an answer of this version. */
export function isGroup(version: OcppVersion, group: unknown): boolean {
  if (version === 'ocpp1.6') return typeof group === 'string' && group !== '';
  const members = membersOf(group);
  return textOf(members, 'idToken') !== null && textOf(members, 'type') !== null;
}

/** What a token is kept under. `token` is the text of presented-token.ts. */
export function tokenKey(backend: string, token: string, digest: Digest): string {
  return digestOf(digest, 'token', backend, token);
}

/** What it is kept under that a backend had all of its tokens forgotten. */
export function clearedKey(backend: string, digest: Digest): string {
  return digestOf(digest, 'cleared', backend);
}

/**
 * Hides a group token, in lower-case hex: a check of 32 digits, then 4 a UTF-16 unit.
 *
 * The keystream depends on the check, and the check on the group: a token whose group changes never has two groups under one keystream.
 */
export function sealGroup(group: string, token: string, digest: Digest): string {
  const check = checkOf(group, token, digest);
  const key = keystream(group.length * unitDigits, check, token, digest);
  let sealed = check;
  for (let at = 0; at < group.length; at += 1)
    sealed += (group.charCodeAt(at) ^ unitAt(key, at)).toString(16).padStart(unitDigits, '0');
  return sealed;
}

/** The group again; null where this token did not seal it, or the text is no longer what it was. */
export function openGroup(text: string, token: string, digest: Digest): string | null {
  if (text.length < checkDigits || text.length % unitDigits !== 0 || !/^[0-9a-f]+$/.test(text)) return null;
  const check = text.slice(0, checkDigits);
  const hidden = text.slice(checkDigits);
  const key = keystream(hidden.length, check, token, digest);
  let group = '';
  for (let at = 0; at * unitDigits < hidden.length; at += 1)
    group += String.fromCharCode(unitAt(hidden, at) ^ unitAt(key, at));
  return checkOf(group, token, digest) === check ? group : null;
}

const checkDigits = 32;
const unitDigits = 4;

function checkOf(group: string, token: string, digest: Digest): string {
  return digestOf(digest, 'group', token, group);
}

function keystream(digits: number, check: string, token: string, digest: Digest): string {
  let key = '';
  for (let block = 0; key.length < digits; block += 1)
    key += digestOf(digest, 'keystream', token, check, String(block));
  return key;
}

function unitAt(hex: string, at: number): number {
  return Number.parseInt(hex.slice(at * unitDigits, (at + 1) * unitDigits), 16);
}

/** Of a list of texts, written so that no two lists are one text; the first says what the digest is for. */
function digestOf(digest: Digest, ...texts: readonly string[]): string {
  const made = digest(JSON.stringify(texts));
  assert(/^[0-9a-f]{32}$/.test(made), 'a digest is 128 bits in lower-case hex');
  return made;
}
