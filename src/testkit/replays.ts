/**
 * What a backend may be told of a station by Busbar itself: what the station said before, and that it lives.
 *
 * Pure. Independent of core/priming on purpose. A replayed boot or status holds nothing that the station did not send, but for a boot's reason (it did not
 * happen just now) and a status's time of arrival where the station gave none.
 */
import { isDeepStrictEqual } from 'node:util';
import { record, type Message } from './wire.ts';

export function isReplay(call: Message, saidBefore: () => readonly Message[]): boolean {
  if (call.type !== 2) return false;
  if (call.action === 'Heartbeat') return Object.keys(call.payload).length === 0;
  const same = saidBefore().filter(({ action }) => action === call.action);
  switch (call.action) {
    case 'BootNotification':
      return same.some(({ payload }) => isEqualBut('reason', call.payload, payload));
    case 'StatusNotification':
      return same.some(({ payload }) =>
        'timestamp' in payload
          ? isDeepStrictEqual(call.payload, payload)
          : isEqualBut('timestamp', call.payload, payload),
      );
    case 'NotifyEvent': {
      const said = same.flatMap(({ payload }) => listOf(payload['eventData']));
      const told = listOf(call.payload['eventData']);
      return told.length > 0 && told.every((event) => said.some((one) => isDeepStrictEqual(one, event)));
    }
    default:
      return false;
  }
}

function isEqualBut(name: string, left: unknown, right: unknown): boolean {
  const strip = (value: unknown): unknown => ({ ...record(value), [name]: null });
  return isDeepStrictEqual(strip(left), strip(right));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
