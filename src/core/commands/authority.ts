/**
 * May this asker do this?
 *
 * Pure. The matrix (matrix.ts) gives a permission for the role and the action's group; here it is turned into a verdict, with what is known of transactions,
 * reservations and lists. What a permitted command may still not say, because it would change how the station is connected, is intercept.ts.
 */
import { unreachable } from '../../std/assert.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { matchesPattern } from '../routing/pattern.ts';
import type { KeyOwner } from '../routing/table.ts';
import { groupOf, matrix, type Group, type Permission, type Role } from './matrix.ts';
import { membersOf, textOf, type Payload } from './payload.ts';
import { refuse, type Answer } from './refusal.ts';
import { serveTrigger, triggersTransaction, type Trigger } from './trigger.ts';

/** Who sends the command. */
export interface Asker {
  /** The backend's name; for the operator whatever the caller calls it. */
  readonly name: string;
  readonly role: Role;
  /** What a rule lets an `observer` or `authority` do: exactly these actions. */
  readonly granted: ReadonlySet<string>;
  /** It still owns a transaction, whatever else it is: one that is nothing else is `draining`. */
  readonly isOwner: boolean;
}

/** What the caller knows; each is asked only where it decides. */
export interface CommandFacts {
  /**
   * Whose is the transaction that the command names, or that runs where it points (the whole station for Reset)? `none`: nobody's that Busbar knows.
   */
  readonly transaction: () => 'own' | 'other' | 'none';
  /** The reservation that the command names, or the profile of a transaction. */
  readonly ownsObject: () => boolean;
  /** Whose local list is on the station; `unknown` until a backend has sent one through Busbar. */
  readonly localList: () => 'own' | 'other' | 'unknown';
}

export type Verdict =
  | { readonly verdict: 'forward' }
  /** It writes settings: every key for itself, see settings.ts. */
  | { readonly verdict: 'by_key' }
  | { readonly verdict: 'serve'; readonly from: 'inventory' | 'list_version' }
  | {
      readonly verdict: 'serve';
      readonly from: 'trigger';
      readonly answer: Answer;
      readonly trigger: Trigger | null;
    }
  | { readonly verdict: 'refuse'; readonly answer: Answer };

const forward: Verdict = { verdict: 'forward' };

/** The verdict on a command. `payload` is read only for the few actions where it matters. */
export function judge(
  asker: Asker,
  version: OcppVersion,
  action: string,
  payload: () => Payload,
  facts: CommandFacts,
): Verdict {
  const refused = (reason: Parameters<typeof refuse>[2]): Verdict => ({
    verdict: 'refuse',
    answer: refuse(version, action, reason, payload),
  });
  if (asker.role === 'operator') return forward;
  const group = lineOf(action, payload);
  if (group === 'ambiguous') return refused('unreadable');
  const permission = permissionOf(asker, group, action);
  switch (permission) {
    case 'forward':
      if (group !== 'local_list' || facts.localList() !== 'other') return forward;
      return textOf(payload().members, 'updateType') === 'Full' ? forward : refused('list_not_own');
    case 'own_transaction':
    case 'not_others': {
      // Whose it is by one reading it may not be by the station's.
      if (payload().isAmbiguous) return refused('unreadable');
      const owner = facts.transaction();
      if (owner === 'own' || (owner === 'none' && permission === 'not_others')) return forward;
      return refused(isAboutTransaction(group) ? 'unknown_transaction' : 'no_authority');
    }
    case 'own_object':
      if (payload().isAmbiguous) return refused('unreadable');
      return facts.ownsObject() ? forward : refused('no_authority');
    case 'key':
      return { verdict: 'by_key' };
    case 'serve':
      if (group === 'read_settings') return { verdict: 'serve', from: 'inventory' };
      if (group !== 'list_version') return refused('no_authority');
      // Its only writer so far may see it: the station may have come with a list of its own, or have lost the one it was sent (a reset, another board).
      return asker.role === 'primary' && facts.localList() !== 'other'
        ? forward
        : { verdict: 'serve', from: 'list_version' };
    case 'serve_trigger': {
      const { members, isAmbiguous } = payload();
      if (isAmbiguous) return refused('unreadable');
      if (asker.isOwner && triggersTransaction(members) && facts.transaction() === 'own') return forward;
      return { verdict: 'serve', from: 'trigger', ...serveTrigger(version, action, payload) };
    }
    case 'refuse':
      return refused(group === 'network_profile' ? 'protected' : 'no_authority');
    default:
      return unreachable(permission, 'every permission has a verdict');
  }
}

/** What the matrix says for this asker, before any fact. */
export function permissionOf({ role, granted, isOwner }: Asker, group: Group, action: string): Permission {
  const line = matrix[group];
  switch (role) {
    case 'operator':
      return 'forward';
    case 'primary':
    case 'draining':
    case 'standby':
      return line[role];
    case 'observer':
      return granted.has(action) ? line.granted : isOwner ? line.draining : line.observer;
    case 'authority':
      if (granted.has(action) || grantedWith(granted, action)) return line.granted;
      return isOwner ? line.draining : line.standby;
    default:
      return unreachable(role, 'every role has its column');
  }
}

/** True where the matrix lets this asker's command reach the station at all, whatever the facts say of it. */
export function isForwarded(asker: Asker, action: string, payload: () => Payload): boolean {
  const group = lineOf(action, payload);
  return group !== 'ambiguous' && reaching.has(permissionOf(asker, group, action));
}

const reaching: ReadonlySet<Permission> = new Set([
  'forward',
  'own_transaction',
  'not_others',
  'own_object',
  'key',
]);

/** Who answers a station's request for a certificate sends it, too (H23): 2.x A02, A03; 1.6 security whitepaper A02. */
function grantedWith(granted: ReadonlySet<string>, action: string): boolean {
  return action === 'CertificateSigned' && granted.has('SignCertificate');
}

/** True where the command is about a transaction or a reservation: whoever has that may give it, also when another is in charge of the station. */
export function isAboutOwned(action: string, payload: () => Payload): boolean {
  const group = lineOf(action, payload);
  return (
    group === 'transaction' ||
    group === 'transaction_status' ||
    group === 'unlock' ||
    group === 'cancel_reservation'
  );
}

/** The action's line of the matrix. A profile for a transaction goes with the transaction (H18). */
function lineOf(action: string, payload: () => Payload): Group | 'ambiguous' {
  if (action !== 'SetChargingProfile') return groupOf(action);
  const { members, isAmbiguous } = payload();
  if (isAmbiguous) return 'ambiguous';
  const { csChargingProfiles, chargingProfile } = members;
  // Each version has one of them: of two the station would take its own.
  if (csChargingProfiles !== undefined && chargingProfile !== undefined) return 'ambiguous';
  const profile = membersOf(csChargingProfiles ?? chargingProfile);
  return textOf(profile, 'chargingProfilePurpose') === 'TxProfile' ? 'transaction' : 'profiles';
}

function isAboutTransaction(group: Group): boolean {
  return group === 'transaction' || group === 'transaction_status';
}

/**
 * May this asker write this configuration key (1.6) or `Component.Variable` (2.x)? The first pattern that matches decides; what none matches is the primary's.
 * Names are compared without case, as stations compare them.
 */
export function mayWriteKey(asker: Asker, keys: readonly KeyOwner[], key: string): boolean {
  if (asker.role === 'operator') return true;
  const name = key.trim().toLowerCase();
  const rule = keys.find(({ pattern }) => matchesPattern(pattern.toLowerCase(), name));
  return rule === undefined ? asker.role === 'primary' : rule.backend === asker.name;
}
