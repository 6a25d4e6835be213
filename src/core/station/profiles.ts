/**
 * When a station's machine learns of charging profiles: from the answers to commands that place, clear or replace them, whoever gave these.
 *
 * Pure. What an answer means is core/commands/placed-profiles.
 */
import { concernsProfiles, profilesAfter } from '../commands/placed-profiles.ts';
import { readPayload } from '../commands/payload.ts';
import { fromOperator, type OpenCall, type StationState } from './state.ts';
import { recordDurably, type Turn } from './turn.ts';

type CommandText = Pick<OpenCall, 'action' | 'from' | 'text' | 'bodyStart' | 'bodyEnd'>;

/** `status`: of the station's answer; null: it may have carried the command out, and nobody heard. */
export function noteProfiles(
  state: StationState,
  turn: Turn,
  { action, from, text, bodyStart, bodyEnd }: CommandText,
  status: string | null,
): void {
  const { version, profiles } = state.durable;
  if (!concernsProfiles(action) || version === null) return;
  // Those that start a transaction only ever replace what is known.
  if (profiles === null && action !== 'SetChargingProfile') return;
  const payload = readPayload(text.slice(bodyStart, bodyEnd));
  const isOperator = from === fromOperator;
  const { wallMs } = turn.context;
  const command = { version, action, from, isOperator, payload, status, wallMs };
  const change = profilesAfter(profiles, command);
  if (change === null) return;
  const { id: station } = state;
  recordDurably(state, turn, {
    type: 'changed',
    at: wallMs,
    station,
    change: { what: 'profiles', change },
  });
}
