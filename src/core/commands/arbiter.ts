/**
 * A command comes in: what becomes of it. The one question a station's machine asks of this folder before it sends anything.
 *
 * Pure. Authority first, then what nobody may change; settings go key by key. The operator's commands are forwarded as they are.
 */
import type { Secret } from '../../std/secret.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { judge, type Asker, type CommandFacts, type Verdict } from './authority.ts';
import { interceptCommand, type CertificateFacts } from './intercept.ts';
import type { Payload } from './payload.ts';
import { refuse, type Answer } from './refusal.ts';
import type { AskedSetting } from './asked-settings.ts';
import { decideSettings, type Passage, type SettingsFacts, type VirtualValue } from './settings.ts';

export interface ArbiterFacts extends CommandFacts, CertificateFacts, SettingsFacts {}

export interface Decision {
  /** `serve`: from the inventory or the virtual list version, or the answer of a trigger with the message that follows it. */
  readonly passage: Passage | ({ readonly do: 'serve' } & ServedFrom);
  readonly remember: readonly VirtualValue[];
  readonly rememberOnceAccepted: readonly VirtualValue[];
  readonly asked: readonly AskedSetting[];
  readonly rotation: Secret | null;
  /** A command, or a part of it, would have changed how the station is connected and was refused: worth an alarm. */
  readonly isProtected: boolean;
}

type Serve = Extract<Verdict, { verdict: 'serve' }>;
type ServedFrom = Serve extends infer One ? (One extends Serve ? Omit<One, 'verdict'> : never) : never;

const nothing = { remember: [], rememberOnceAccepted: [], asked: [], rotation: null, isProtected: false };

/** `payload` is read only where the decision depends on it. */
export function decideCommand(
  asker: Asker,
  version: OcppVersion,
  action: string,
  payload: () => Payload,
  facts: ArbiterFacts,
): Decision {
  const verdict = judge(asker, version, action, payload, facts);
  switch (verdict.verdict) {
    case 'refuse':
      return answered(verdict.answer, action === 'SetNetworkProfile');
    case 'serve': {
      const { verdict: _, ...from } = verdict;
      return { passage: { do: 'serve', ...from }, ...nothing };
    }
    case 'forward':
    case 'by_key': {
      if (asker.role === 'operator') return { passage: { do: 'forward' }, ...nothing };
      const reason = interceptCommand(version, action, payload, facts);
      if (reason !== 'pass')
        return answered(refuse(version, action, reason, payload), reason === 'protected');
      return verdict.verdict === 'by_key'
        ? decideSettings(asker, version, action, payload, facts)
        : { passage: { do: 'forward' }, ...nothing };
    }
  }
}

function answered(answer: Answer, isProtected: boolean): Decision {
  return { passage: { do: 'answer', answer }, ...nothing, isProtected };
}

/**
 * Would this command change how the station is connected? For the operator's own, which are not intercepted: whoever sends them is asked twice.
 */
export function concernsConnection(version: OcppVersion, action: string, payload: () => Payload): boolean {
  const asIfPrimary: Asker = { name: '', role: 'primary', granted: new Set(), isOwner: false };
  const nobodyKnows: ArbiterFacts = {
    transaction: () => 'none',
    ownsObject: () => false,
    localList: () => 'unknown',
    isCertificateAuthority: false,
    isLinkCertificate: () => true,
    keys: [],
    canRotate: false,
  };
  return decideCommand(asIfPrimary, version, action, payload, nobodyKnows).isProtected;
}
