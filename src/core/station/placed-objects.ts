/**
 * When a station's machine learns of placed objects: from the answers to commands that place, clear or replace them, whoever gave these.
 *
 * Pure. What an answer means is core/commands/placed-objects.
 */
import { kindOf, placedAfter, placedBy } from '../commands/placed-objects.ts';
import { readPayload, type Members } from '../commands/payload.ts';
import { fromOperator, type OpenCall, type StationState } from './state.ts';
import { recordDurably, type Turn } from './turn.ts';

type CommandText = Pick<OpenCall, 'action' | 'from' | 'text' | 'bodyStart' | 'bodyEnd'>;

/** `answer`: the station's; null: it may have carried the command out, and nobody heard. */
export function notePlaced(
  state: StationState,
  turn: Turn,
  { action, from, text, bodyStart, bodyEnd }: CommandText,
  answer: Members | null,
): void {
  const { version, objects } = state.durable;
  if (kindOf(action) === null || version === null) return;
  // The others only ever take away from what is known.
  if (objects === null && placedBy(action) === null) return;
  const payload = readPayload(text.slice(bodyStart, bodyEnd));
  const isOperator = from === fromOperator;
  const { wallMs } = turn.context;
  const command = { version, action, from, isOperator, payload, answer, wallMs };
  const change = placedAfter(objects, command);
  if (change === null) return;
  const { id: station } = state;
  recordDurably(state, turn, {
    type: 'changed',
    at: wallMs,
    station,
    change: { what: 'objects', change },
  });
}
