/**
 * What backends say of tokens, kept for the time when they cannot be asked.
 *
 * Pure. Only where the station's route may ever need it. At rest a token is a digest, and its group can be read only by who presents the token. What a backend has stations
 * forget or refuse it takes back here too, as from a station's own cache (C10 to C12).
 */
import type { Payload } from '../commands/payload.ts';
import { clearedKey, learnTokens, refusedIn, sealGroup, tokenKey } from '../cover/learned-tokens.ts';
import { presentedToken } from '../cover/presented-token.ts';
import type { LearnedToken } from '../hold/held-message.ts';
import { remoteStartMs } from '../ids/requests.ts';
import { payloadOf } from '../../protocol/frame.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { BackendLink, OpenCall, StationState } from './state.ts';
import type { Received, Turn } from './turn.ts';

/** The same verdict is not written again before this is over. */
const freshMs = 24 * 3_600_000;

/** A backend answered a call with a token in it. */
export function learnToken(
  state: StationState,
  turn: Turn,
  { backend, version }: BackendLink,
  { text, frame }: Received,
  call: Pick<OpenCall, 'action' | 'text' | 'bodyStart' | 'bodyEnd'>,
): void {
  if (state.assignment?.whenDown.covers !== true || frame.kind !== 'result' || version === null) return;
  const { wallMs, digest } = turn.context;
  const said = call.text.slice(call.bodyStart, call.bodyEnd);
  const lesson = learnTokens(version, call.action, said, payloadOf(text, frame), wallMs);
  if (lesson === null) return;
  const { token, learned } = lesson;
  const group = learned.group === null ? null : sealGroup(learned.group, token, digest);
  const before = knownOf(turn, backend, token);
  const isNews =
    before === null ||
    before.status !== learned.status ||
    before.group !== group ||
    before.expiresAt !== learned.expiresAt ||
    wallMs - before.learnedAt >= freshMs;
  if (!isNews) return;
  keep(state, turn, backend, tokenKey(backend, token, digest), { ...learned, group });
}

/** What the backend last said of this token, its group sealed; null: nothing that still counts. */
export function knownOf(
  { context: { learned, digest } }: Turn,
  backend: string,
  token: string,
): LearnedToken | null {
  const known = learned(tokenKey(backend, token, digest));
  if (known === null) return null;
  const cleared = learned(clearedKey(backend, digest));
  return cleared === null || known.saidAfter === cleared.learnedAt ? known : null;
}

/**
 * The backend had the station start with this token, and the station does: it answers for the driver until the start is due. What it said of the token at greater length stays.
 */
export function learnStarted(
  state: StationState,
  turn: Turn,
  backend: string,
  version: OcppVersion,
  command: Payload,
): void {
  if (state.assignment?.whenDown.covers !== true) return;
  const token = presentedToken(version, command)?.text ?? null;
  if (token === null) return;
  const { wallMs, digest } = turn.context;
  const expiresAt = wallMs + remoteStartMs;
  const known = knownOf(turn, backend, token);
  if (known?.status === 'Accepted' && (known.expiresAt ?? Infinity) >= expiresAt) return;
  const learned = { status: 'Accepted', group: null, expiresAt, learnedAt: wallMs };
  keep(state, turn, backend, tokenKey(backend, token, digest), learned);
}

/** The backend had a station forget its tokens, and the station did: so does Busbar, of this backend. */
export function forgetTokens(state: StationState, turn: Turn, backend: string): void {
  if (state.assignment?.whenDown.covers !== true) return;
  const { wallMs, digest, learned } = turn.context;
  const key = clearedKey(backend, digest);
  // Each has a time of its own: what was said after the one before is known by that.
  const learnedAt = Math.max(wallMs, (learned(key)?.learnedAt ?? 0) + 1);
  keep(state, turn, backend, key, { status: 'Cleared', group: null, expiresAt: null, learnedAt });
}

/** The backend sends a list on which tokens are refused. Whether the station takes it is another matter: those it had accepted it accepts no more. */
export function learnRefused(
  state: StationState,
  turn: Turn,
  backend: string,
  version: OcppVersion,
  list: Payload,
): void {
  if (state.assignment?.whenDown.covers !== true) return;
  const { wallMs, digest } = turn.context;
  for (const { token, learned } of refusedIn(version, list, wallMs))
    if (knownOf(turn, backend, token)?.status === 'Accepted')
      keep(state, turn, backend, tokenKey(backend, token, digest), learned);
}

/** With what is said goes after which ClearCache it was: a clock that is set ahead or back says nothing of that. */
function keep({ id }: StationState, turn: Turn, backend: string, token: string, said: LearnedToken): void {
  const { wallMs, digest, learned: known } = turn.context;
  const cleared = known(clearedKey(backend, digest));
  const learned = cleared === null ? said : { ...said, saidAfter: cleared.learnedAt };
  turn.records.push({ type: 'learned', at: wallMs, station: id, backend, token, learned });
}
