/**
 * What a ledger tells of connectors: each status that was said, with the connector it is of.
 *
 * Pure. 1.6 and 2.0.1 say it by StatusNotification; 2.1 may say it by an event of the variable AvailabilityState (B01.FR.05), of which one message may hold several.
 */
import type { OcppVersion } from '../protocol/version.ts';
import { exchangesOf, type Ledger } from './ledger.ts';
import { record } from './wire.ts';

export interface ToldStatus {
  readonly version: OcppVersion;
  readonly connector: string;
  readonly status: string;
  /** All of it that is the station's own, by which it is known again: `untimed` where the station gave no time and whoever tells it later adds one. */
  readonly content: string;
  readonly untimed: string;
  readonly atMs: number;
  /** When it was answered with a result; null: it was not. */
  readonly takenAtMs: number | null;
  readonly text: string;
}

/** In the order in which they were said. */
export function statusesOf(ledger: Ledger, calls: 'sent' | 'received'): ToldStatus[] {
  return exchangesOf(ledger, calls).exchanges.flatMap(({ version, message, text, atMs, answers }) => {
    const { action, payload } = message;
    const takenAtMs = answers.find((answer) => answer.message.type === 3)?.atMs ?? null;
    const told = { version, atMs, takenAtMs, text };
    if (action === 'StatusNotification') {
      const { connectorId, evseId, timestamp, ...rest } = payload;
      const connector = connectorName(evseId, connectorId);
      const status = String(payload['status'] ?? payload['connectorStatus']);
      const untimed = sorted({ ...rest, connector });
      const content = timestamp === undefined ? untimed : `${untimed} ${JSON.stringify(timestamp)}`;
      return [{ connector, status, content, untimed, ...told }];
    }
    const events = action === 'NotifyEvent' ? payload['eventData'] : null;
    return (Array.isArray(events) ? (events as unknown[]) : []).flatMap((event) => {
      const { variable, component, actualValue } = record(event);
      if (record(variable)['name'] !== 'AvailabilityState') return [];
      const { id, connectorId } = record(record(component)['evse']);
      const content = sorted(event);
      const connector = connectorName(id, connectorId);
      return [{ connector, status: String(actualValue), content, untimed: content, ...told }];
    });
  });
}

/** 1.6 has connectors only. */
function connectorName(evse: unknown, connector: unknown): string {
  return [evse, connector].filter((number) => typeof number === 'number').join('.');
}

/** As JSON, the same whatever the order of the members. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : member,
  );
}
