/**
 * Commands that would change how a station is connected: what becomes of them, whoever sends them.
 *
 * Pure. Invariant: no backend can re-point, re-key or re-certify a station through Busbar. Certificates and triggers by lists of what may pass, keys by patterns of
 * what may not (connection-keys.ts); what cannot be read for certain does not pass. The operator's own commands are not asked here.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import {
  credentialKeys,
  endpointValue,
  gatewayKeys,
  harmlessName,
  protectedPatterns,
} from './connection-keys.ts';
import { negativeOf } from './negatives.ts';
import { foldName, membersOf, payloadReader, textOf, type Members, type Payload } from './payload.ts';
import type { RefusalReason } from './refusal.ts';

/** What the caller knows of certificates. */
export interface CertificateFacts {
  /** The asker signs the station's own certificate: a route makes it the authority for SignCertificate. */
  readonly isCertificateAuthority: boolean;
  /** The station may need the certificate to trust Busbar. Also true when that is not known. */
  readonly isLinkCertificate: (hash: CertificateHash) => boolean;
}

/** `certificateHashData` of DeleteCertificate. */
export interface CertificateHash {
  readonly hashAlgorithm: string;
  readonly issuerNameHash: string;
  readonly issuerKeyHash: string;
  readonly serialNumber: string;
}

/** Actions of any version that are looked into, folded. */
const guarded: ReadonlySet<string> = new Set([
  'changeconfiguration',
  'setvariables',
  'setnetworkprofile',
  'installcertificate',
  'deletecertificate',
  'certificatesigned',
  'triggermessage',
  'extendedtriggermessage',
  'datatransfer',
]);

/** Whether the command may pass; settings (ChangeConfiguration, SetVariables) go key by key, by {@link interceptKey}. */
export function interceptCommand(
  version: OcppVersion,
  action: string,
  payload: () => Payload,
  facts: CertificateFacts,
): 'pass' | RefusalReason {
  // A guarded action that is misspelled, or another version's: a station that understands it all the same is not to be had.
  if (guarded.has(foldName(action)) && negativeOf(version, action) === null) return 'not_implemented';
  switch (action) {
    case 'SetNetworkProfile':
      return 'protected';
    case 'InstallCertificate':
    case 'DeleteCertificate':
    case 'CertificateSigned':
    case 'TriggerMessage':
    case 'ExtendedTriggerMessage': {
      const { members, isAmbiguous } = payload();
      return isAmbiguous ? 'unreadable' : interceptMembers(action, members, facts);
    }
    case 'DataTransfer':
      return interceptTransfer(payload(), facts);
    default:
      return 'pass';
  }
}

/** Roots of trust for other things than the OCPP link. */
const otherRoots: ReadonlySet<string> = new Set([
  'V2GRootCertificate',
  'MORootCertificate',
  'OEMRootCertificate',
  'ManufacturerRootCertificate',
]);

const vehicleCertificates: ReadonlySet<string> = new Set(['V2GCertificate', 'V2G20Certificate']);
const vehicleTriggers: ReadonlySet<string> = new Set(['SignV2GCertificate', 'SignV2G20Certificate']);

function interceptMembers(
  action: string,
  members: Members,
  { isCertificateAuthority, isLinkCertificate }: CertificateFacts,
): 'pass' | RefusalReason {
  switch (action) {
    case 'InstallCertificate':
      return otherRoots.has(textOf(members, 'certificateType') ?? '') ? 'pass' : 'protected';
    case 'DeleteCertificate': {
      const hash = hashOf(membersOf(members['certificateHashData']));
      if (hash === null) return 'unreadable';
      return isLinkCertificate(hash) ? 'protected' : 'pass';
    }
    case 'CertificateSigned':
      // Without a type it is the station's own (2.x A02.FR.12; 1.6 has no other).
      return isCertificateAuthority || vehicleCertificates.has(textOf(members, 'certificateType') ?? '')
        ? 'pass'
        : 'protected';
    default: {
      const wanted = [textOf(members, 'requestedMessage') ?? '', textOf(members, 'customTrigger') ?? ''];
      const isSigning = wanted.some((name) => foldName(name).includes('sign') && !vehicleTriggers.has(name));
      return isSigning && !isCertificateAuthority ? 'protected' : 'pass';
    }
  }
}

function hashOf(members: Members): CertificateHash | null {
  const hashAlgorithm = textOf(members, 'hashAlgorithm');
  const issuerNameHash = textOf(members, 'issuerNameHash');
  const issuerKeyHash = textOf(members, 'issuerKeyHash');
  const serialNumber = textOf(members, 'serialNumber');
  return hashAlgorithm === null || issuerNameHash === null || issuerKeyHash === null || serialNumber === null
    ? null
    : { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber };
}

/**
 * 1.6 carries 2.x's messages for Plug & Charge inside of DataTransfer: `messageId` is the action, `data` the payload. And a vendor's own message that names
 * an OCPP-J endpoint is about nothing else.
 */
function interceptTransfer(outer: Payload, facts: CertificateFacts): 'pass' | RefusalReason {
  const messageId = textOf(outer.members, 'messageId') ?? '';
  // Two message ids, or two data, of which the station takes the other one.
  if (outer.isAmbiguous && guardedNames.test(outer.text)) return 'unreadable';
  if (namesEndpoint(outer.text)) return 'protected';
  if (!guarded.has(foldName(messageId))) return 'pass';
  const { data } = outer.members;
  const inner = payloadReader(typeof data === 'string' ? data : JSON.stringify(data ?? null));
  const isSetting = messageId === 'SetVariables';
  return !isSetting && interceptCommand('ocpp2.0.1', messageId, inner, facts) === 'pass'
    ? 'pass'
    : 'protected';
}

/** Whether an OCPP-J endpoint stands in the text, however often it was escaped. */
function namesEndpoint(text: string): boolean {
  if (!text.includes('\\')) return endpointValue.test(text);
  const plain = text
    .replaceAll('\\', '')
    .replaceAll(/u00([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return endpointValue.test(plain);
}

const guardedNames = /configuration|variables|networkprofile|certificate|trigger|\\u/i;

/** The names of a setting: the key (1.6), or component, variable and their instances (2.x). */
export interface SettingNames {
  /** '' in 1.6. */
  readonly component: string;
  /** The key in 1.6. */
  readonly variable: string;
  readonly instances: readonly string[];
  /** 2.x: an attribute other than Actual. */
  readonly isOtherAttribute: boolean;
}

/**
 * `free` is for whoever may write it · `protected` is refused · `credential` renews the password of the asker's own link to Busbar, not the station's · `gateway_owned`
 * is remembered under `key` for the asker, and reaches the station only when `isSafe` · `invalid` is no value for such a key, or no name.
 */
export type KeyVerdict =
  | { readonly what: 'free' | 'protected' | 'credential' | 'invalid' }
  | { readonly what: 'gateway_owned'; readonly key: string; readonly isSafe: boolean };

const nameCharactersMax = 50;

/** Printable ASCII: what a station could take for another character, unescape once more, or cut off, is no name. */
const printable = /^[\x20-\x7e]*$/;
const escapes = /["\\]/;

export function interceptKey(names: SettingNames, value: string): KeyVerdict {
  const { component, variable, instances, isOtherAttribute } = names;
  const all = [component, variable, ...instances];
  if (!all.every((name) => name.length <= nameCharactersMax && printable.test(name) && !escapes.test(name)))
    return { what: 'invalid' };
  if (foldName(variable) === '') return { what: 'invalid' };
  const key = foldName(variable);
  const address = foldName(component) + key;
  if (credentialKeys.has(address)) return { what: isOtherAttribute ? 'protected' : 'credential' };
  const owned = gatewayKeys.get(key);
  // Of these, 2.x's NetworkConfiguration has some for another profile than the one in use.
  if (owned !== undefined && !foldName(component).includes('network')) {
    const hasOther = isOtherAttribute || instances.some(isProtectedName);
    if (hasOther) return { what: 'protected' };
    if (!/^\d{1,9}$/.test(value)) return { what: 'invalid' };
    const number = Number(value);
    return { what: 'gateway_owned', key, isSafe: number >= owned.from && number <= owned.to };
  }
  if (namesEndpoint(value)) return { what: 'protected' };
  // Run together, too: a station may join what a backend has taken apart.
  const joined = all.flatMap((one) => all.map((other) => one + other));
  return [...all, ...joined, all.join('')].some(isProtectedName) ? { what: 'protected' } : { what: 'free' };
}

function isProtectedName(name: string): boolean {
  const folded = foldName(name).replaceAll(harmlessName, 'ntp');
  return protectedPatterns.some((pattern) => pattern.test(folded));
}
