/**
 * A payload as it may be kept and shown: with its secrets struck out.
 *
 * Pure. Passwords travel in ChangeConfiguration, SetVariables and SetNetworkProfile, and some stations give them away in GetConfiguration. A secret is known by the
 * name beside it: a member's own, a key's, or a variable's. Those for file servers stand in the addresses that uploads and downloads are given.
 */
import { secretNames } from './connection-keys.ts';
import { foldMember, foldName, membersOf, readPayload, type Members } from './payload.ts';

const struckOut = '***';

/** The actions whose calls or results may carry a secret of the station's, folded. */
const secretActions: ReadonlySet<string> = new Set([
  'changeconfiguration',
  'setvariables',
  'setnetworkprofile',
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
export function mayCarrySecrets(action: string): boolean {
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
  if (!mayCarrySecrets(action)) return payload;
  const { members, isAmbiguous } = readPayload(payload);
  if (isAmbiguous) return '{}';
  const struck = strike(members);
  return struck === members ? payload : JSON.stringify(struck);
}

/** The password in an address: `ftp://user:password@host`. */
const addressPassword = /(:\/\/[^\s/:@]*):[^\s/]*@/g;

/** The same value when nothing in it is a secret. `holder`: the name it stands under; a `key` is a secret in a `vpn`. */
function strike(value: unknown, holder = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => strike(item, holder));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value === 'string') return value.replaceAll(addressPassword, `$1:${struckOut}@`);
  if (typeof value !== 'object' || value === null) return value;
  const members = membersOf(value);
  const isOfSecret = namesOf(members).some(isSecret);
  let isChanged = false;
  const entries = Object.entries(members).map(([name, member]): [string, unknown] => {
    const isValue = isOfSecret && valueMembers.has(foldMember(name));
    const isScalar = typeof member === 'string' || typeof member === 'number';
    const struck = isValue || (isScalar && isSecret(holder + name)) ? struckOut : strike(member, name);
    isChanged ||= struck !== member;
    return [name, struck];
  });
  return isChanged ? Object.fromEntries(entries) : value;
}

/** Where a setting's value stands, folded: a backend that writes its members in another case is refused, and its secret is one all the same. */
const valueMembers: ReadonlySet<string> = new Set(['value', 'attributevalue', 'variableattribute']);

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
