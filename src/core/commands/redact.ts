/**
 * A payload, and a whole frame, as it may be shown: with its secrets struck out.
 *
 * Pure. Passwords travel in ChangeConfiguration, SetVariables and SetNetworkProfile, and some stations give them away in GetConfiguration. A secret is known by the
 * name beside it: a member's own, a key's, or a variable's. Those for file servers stand in the addresses that uploads and downloads are given, as passwords or as signatures in
 * the query. An error may repeat what it answers.
 */
import { decode } from '../../protocol/frame.ts';
import { secretNames } from './connection-keys.ts';
import { foldMember, foldName, membersOf, readPayload, type Members } from './payload.ts';
import { strikeAddresses, strikeWords, struckOut } from './strike-words.ts';

/** Those that give the station a secret to keep, folded. */
const writeActions: readonly string[] = ['changeconfiguration', 'setvariables', 'setnetworkprofile'];

/** The actions whose calls or results may carry a secret of the station's, folded. */
const secretActions: ReadonlySet<string> = new Set([
  ...writeActions,
  'getconfiguration',
  'getvariables',
  'notifyreport',
]);

/** Those whose calls name a file server, folded: 1.6 takes the password for it in the address only. */
const fileActions: ReadonlySet<string> = new Set([
  'getdiagnostics',
  'getlog',
  'updatefirmware',
  'signedupdatefirmware',
  'publishfirmware',
  'publishfirmwarestatusnotification',
]);

/** False when nothing of that action carries a secret: others are not looked at. */
function mayCarrySecrets(action: string): boolean {
  const name = foldName(action);
  return secretActions.has(name) || fileActions.has(name);
}

/** Whether the command gives the station a secret to keep. */
export function writesSecret(action: string, payload: string): boolean {
  return secretActions.has(foldName(action)) && redact(action, payload) !== payload;
}

/**
 * The payload of a call or result of that action without its secrets; the same text where there are none. What cannot be read for certain is not shown at all.
 */
export function redact(action: string, payload: string): string {
  return mayCarrySecrets(action) ? struckPayload(payload) : payload;
}

/**
 * The frame without its secrets; the same text where there are none. `action` is that of the call it answers, null where that is not known: then it may be any. What is no frame is not shown at all
 * where it speaks of a secret.
 */
export function redactFrame(action: string | null, text: string): string {
  // The newest version reads the frames of all.
  const frame = decode(text, 'ocpp2.1');
  switch (frame.kind) {
    case 'invalid':
      // Not folded: it may be as long as a frame, and a page of the journal full of them.
      return secretNames.test(text.toLowerCase()) ? struckOut : strikeWords(text);
    case 'error':
    case 'result_error':
      return redactError(action, text);
    default: {
      if (action !== null && !mayCarrySecrets(action)) return text;
      if (frame.bodyStart === frame.bodyEnd) return text;
      const payload = struckPayload(text.slice(frame.bodyStart, frame.bodyEnd));
      return text.slice(0, frame.bodyStart) + payload + text.slice(frame.bodyEnd);
    }
  }
}

/** An error that answers the writing of a setting says nothing but its code: its words may hold a secret without any sign of it. */
function redactError(action: string | null, text: string): string {
  const [type, id, ...said] = JSON.parse(text) as readonly unknown[];
  const isUnsure = action === null || writeActions.includes(foldName(action));
  const struck = said.map((part, at) =>
    isUnsure && at > 0 && !isEmpty(part) ? unsaid[at] : strike(part, '', strikeWords),
  );
  return struck.every((part, at) => part === said[at]) ? text : JSON.stringify([type, id, ...struck]);
}

/** By its place behind the id: the code stays, then description and details. */
const unsaid: readonly unknown[] = [null, struckOut, {}];

function isEmpty(value: unknown): boolean {
  return value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

function struckPayload(payload: string): string {
  const { members, isAmbiguous } = readPayload(payload);
  if (isAmbiguous) return '{}';
  const struck = strike(members);
  return struck === members ? payload : JSON.stringify(struck);
}

/** The same value when nothing in it is a secret. `holder`: the name it stands under; a `key` is a secret in a `vpn`. `strikeText`: what is done to its texts. */
function strike(value: unknown, holder = '', strikeText = strikeAddresses): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => strike(item, holder, strikeText));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value === 'string') return strikeText(value);
  if (typeof value !== 'object' || value === null) return value;
  const members = membersOf(value);
  const isOfSecret = namesOf(members).some(isSecret);
  let isChanged = false;
  const entries = Object.entries(members).map(([name, member]): [string, unknown] => {
    const isValue = isOfSecret && valueMembers.has(foldMember(name));
    const isScalar = typeof member === 'string' || typeof member === 'number';
    const struck =
      isValue || (isScalar && isSecret(holder + name)) ? struckOut : strike(member, name, strikeText);
    isChanged ||= struck !== member;
    return [name, struck];
  });
  return isChanged ? Object.fromEntries(entries) : value;
}

/** Where a setting's value may stand, folded: a backend that writes its members in another case is refused, and its secret is one all the same. */
const valueMembers: ReadonlySet<string> = new Set([
  'value',
  'attributevalue',
  'variableattribute',
  // Why it was not taken, perhaps in words that repeat it.
  'attributestatusinfo',
]);

/** The names beside a value: 1.6's key, 2.x's component, variable and their instances. */
function namesOf(members: Members): string[] {
  const holders = [membersOf(memberOf(members, 'component')), membersOf(memberOf(members, 'variable'))];
  return [
    memberOf(members, 'key'),
    ...holders.flatMap((holder) => [memberOf(holder, 'name'), memberOf(holder, 'instance')]),
  ].map((name) => (typeof name === 'string' ? name : ''));
}

/** `name` is folded. What has two such members is not shown at all. */
function memberOf(members: Members, name: string): unknown {
  return Object.entries(members).find(([written]) => foldMember(written) === name)?.[1];
}

function isSecret(name: string): boolean {
  return secretNames.test(foldName(name));
}
