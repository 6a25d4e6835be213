/**
 * What backends say of tokens, kept for the time when they cannot be asked.
 *
 * Pure. Only where the station's route may ever need it. At rest a token is a digest, and its group can be read only by who presents the token.
 */
import { learnTokens, sealGroup, tokenKey } from '../cover/learned-tokens.ts';
import { payloadOf } from '../../protocol/frame.ts';
import type { BackendLink, OpenCall, StationState } from './state.ts';
import type { Received, Turn } from './turn.ts';

/** The same verdict is not written again before this is over. */
const freshMs = 24 * 3_600_000;

/** A backend answered a call with a token in it. */
export function learnToken(
  { id, assignment }: StationState,
  turn: Turn,
  { backend, version }: BackendLink,
  { text, frame }: Received,
  call: OpenCall,
): void {
  if (assignment?.whenDown.covers !== true || frame.kind !== 'result' || version === null) return;
  const { wallMs, digest, learned: known } = turn.context;
  const said = call.text.slice(call.bodyStart, call.bodyEnd);
  const lesson = learnTokens(version, call.action, said, payloadOf(text, frame), wallMs);
  if (lesson === null) return;
  const { token, learned } = lesson;
  const key = tokenKey(backend, token, digest);
  const group = learned.group === null ? null : sealGroup(learned.group, token, digest);
  const before = known(key);
  const isNews =
    before === null ||
    before.status !== learned.status ||
    before.group !== group ||
    before.expiresAt !== learned.expiresAt ||
    wallMs - before.learnedAt >= freshMs;
  if (!isNews) return;
  turn.records.push({
    type: 'learned',
    at: wallMs,
    station: id,
    backend,
    token: key,
    learned: { ...learned, group },
  });
}
