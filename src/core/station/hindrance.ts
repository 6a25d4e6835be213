/**
 * What is under way between a station and its primary that a cutover would cut through.
 *
 * Pure. None of it is lost by a cutover, since it follows whoever began it; but a firmware update ends in a reboot under another backend, a driver with a reservation is on the way, and
 * a report in parts is half of what its asker knows. So it is waited for, unless an operator says otherwise.
 */
import type { AssignmentRefusal } from './events.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

export interface Hindrance {
  readonly reason: Extract<AssignmentRefusal, 'firmware_update' | 'reservation' | 'report_in_parts'>;
  /** A sentence for the operator: what, and what to do. */
  readonly detail: string;
}

/** How long a reservation counts as one that does not expire before. */
const reservationMs = 12 * 3_600_000;
/** How long the last part of a report is waited for. */
const reportMs = 120_000;
/** What is answered in parts. Logs and firmware are told of for hours, and go on under another primary. */
const reports: ReadonlySet<string> = new Set([
  'GetBaseReport',
  'GetReport',
  'GetMonitoringReport',
  'GetChargingProfiles',
  'GetDisplayMessages',
  'CustomerInformation',
  'GetDERControl',
]);

/** The first of them, or null. `primary`: whose they would be. */
export function hindranceOf({ durable }: StationState, turn: Turn, primary: string): Hindrance | null {
  const { image, ids } = durable;
  const { wallMs } = turn.context;
  if (image.firmware !== null) {
    const detail = `A firmware update is under way (${image.firmware}); wait for its end, or force the cutover.`;
    return { reason: 'firmware_update', detail };
  }
  const reserved = ids.objects.find(
    ({ kind, backend, state, atMs, endsAt = Infinity }) =>
      kind === 'reservation' &&
      backend === primary &&
      state === 'live' &&
      wallMs < Math.min(endsAt, atMs + reservationMs),
  );
  if (reserved !== undefined) {
    const { id, ext } = reserved;
    // An operator cancels it by the station's number, and this one may be another's there.
    const named = ext === id ? id : `${id} (${ext} to the station)`;
    const detail = `Reservation ${named} of ${primary} is active; have it used or cancelled, or force the cutover.`;
    return { reason: 'reservation', detail };
  }
  const asked = ids.requests.find(
    ({ action, backend, state, atMs }) =>
      reports.has(action) && backend === primary && state === 'open' && wallMs - atMs < reportMs,
  );
  if (asked === undefined) return null;
  const detail = `${primary} is still being told what it asked for by ${asked.action}; wait for the last part, or force the cutover.`;
  return { reason: 'report_in_parts', detail };
}
