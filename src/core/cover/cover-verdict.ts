/**
 * May this token charge, while its backend cannot be asked?
 *
 * Pure. The verdict is Busbar's own and the station keeps it in its cache whatever it says (C10.FR.01, C10.FR.04, C10.FR.05; 1.6 §3.5.1), so it always ends
 * soon: neither refusals nor stale acceptances outlast an outage by much.
 */
import { isoTime } from '../../std/iso-time.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { LearnedToken } from '../hold/held-message.ts';
import { isGroup } from './learned-tokens.ts';
import type { Presented } from './presented-token.ts';

/** `deny` nobody · `known` whom the backend accepted when it last spoke of them, within 30 days, and until when it said · `all` everybody, refused ones too. */
export type AuthorizePolicy = 'deny' | 'known' | 'all';

export interface VerdictFacts {
  readonly version: OcppVersion;
  readonly wallMs: number;
  readonly policy: AuthorizePolicy;
  /** What its backend last said of a token, its group in the clear; null: nothing. */
  readonly learned: (token: string) => LearnedToken | null;
  /** True while another transaction of this token is open at this station. */
  readonly isTokenInUse: (token: string) => boolean;
}

/** What a backend said of a token longer ago than this says nothing any more. */
const rememberedMs = 30 * 86_400_000;
const acceptedForMs = 3_600_000;
export const refusedForMs = 5 * 60_000;

/**
 * 1.6 `idTagInfo`, 2.x `idTokenInfo`, as JSON.
 *
 * `mayBeInUse`: a transaction of the token's ends here, and that another is open is no reason to refuse.
 */
export function verdictOn(presented: Presented | null, facts: VerdictFacts, mayBeInUse = false): string {
  const token = presented?.text ?? null;
  if (token === null || facts.policy === 'deny') return refusedInfo('Invalid', facts);
  const last = facts.learned(token);
  const learned = last !== null && facts.wallMs - last.learnedAt > rememberedMs ? null : last;
  const accepted = learned !== null && isAcceptance(learned, facts.wallMs) ? learned : null;
  if (facts.policy === 'known' && accepted === null) return refusedInfo(refusalOf(learned, facts), facts);
  const isElsewhere = !mayBeInUse && token !== nobodysToken && facts.isTokenInUse(token);
  return isElsewhere ? refusedInfo('ConcurrentTx', facts) : acceptedInfo(accepted, facts);
}

/** A refusal for a reason of its own. */
export function refusedInfo(status: string, { version, wallMs }: VerdictFacts): string {
  return infoText(version, status, wallMs + refusedForMs, null);
}

/** A start button's token: it stands for everybody, so it may be in several transactions at once (C02). */
const nobodysToken = 'noauthorization:';

function isAcceptance({ status, expiresAt }: LearnedToken, wallMs: number): boolean {
  return status === 'Accepted' && (expiresAt === null || expiresAt > wallMs);
}

/** Never longer than the backend itself allowed; without the group a station would no longer let another token of it stop the transaction. */
function acceptedInfo(learned: LearnedToken | null, { version, wallMs }: VerdictFacts): string {
  const until = Math.min(wallMs + acceptedForMs, learned?.expiresAt ?? Number.POSITIVE_INFINITY);
  const group = learned?.group ?? null;
  // A group of the other version's kind has no place in the answer.
  const own = group !== null && isGroup(version, JSON.parse(group)) ? group : null;
  return infoText(version, 'Accepted', until, own);
}

/**
 * The refusals that are of the token and not of the moment, as each version spells them. That it was in use when its backend last spoke is not told: that is
 * known here.
 */
const ofToken16 = ['Blocked', 'Expired', 'Invalid'];
const ofToken2 = [
  ...ofToken16,
  'NoCredit',
  'NotAllowedTypeEVSE',
  'NotAtThisLocation',
  'NotAtThisTime',
  'Unknown',
];

const repeated: Readonly<Record<OcppVersion, ReadonlySet<string>>> = {
  'ocpp1.6': new Set(ofToken16),
  'ocpp2.0.1': new Set(ofToken2),
  'ocpp2.1': new Set(ofToken2),
};

function refusalOf(learned: LearnedToken | null, { version }: VerdictFacts): string {
  if (learned?.status === 'Accepted') return 'Expired';
  if (learned !== null && repeated[version].has(learned.status)) return learned.status;
  // 1.6 has no word for a token that nobody knows.
  return version === 'ocpp1.6' ? 'Invalid' : 'Unknown';
}

function infoText(version: OcppVersion, status: string, until: number, group: string | null): string {
  const [expiry, parent] =
    version === 'ocpp1.6' ? ['expiryDate', 'parentIdTag'] : ['cacheExpiryDateTime', 'groupIdToken'];
  const groupMember = group === null ? '' : `,"${parent}":${group}`;
  return `{"status":"${status}","${expiry}":"${isoTime(until)}"${groupMember}}`;
}
