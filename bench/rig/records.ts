/**
 * Records for benches of the journal: what a fleet's relayed and held meter values leave there.
 *
 * Pure but for the clock.
 */
import type { FrameRecord, HeldRecord } from '../../src/core/journal/record.ts';
import type { StationId } from '../../src/protocol/station-id.ts';

export function stationName(number: number): StationId {
  return `CP-${10_000 + number}` as StationId;
}

/** A relayed MeterValues call or its answer, in turn. */
export function frameRecord(number: number, stations: number): FrameRecord {
  const isCall = number % 2 === 0;
  const id = `"${(number * 7_919_777).toString(36).padStart(36, 'x')}"`;
  return {
    type: 'frame',
    at: Date.now(),
    station: stationName(((number >> 1) * 7_919) % stations),
    link: isCall ? 'station' : 'backend:old',
    kind: isCall ? 'call' : 'result',
    action: 'MeterValues',
    text: isCall ? `[2,${id},"MeterValues",${payloadOf(number)}]` : `[3,${id},{}]`,
    idStart: 3,
    idEnd: 3 + id.length,
    outcome: 'relayed',
    relayedTo: isCall ? 'backend:old' : 'station',
    relayedIdToken: `"k3f9-${number}"`,
    latencyMs: isCall ? null : number % 40,
  };
}

function payloadOf(number: number): string {
  const sample = (at: number, measurand: string, unit: string): string =>
    `{"value":"${((number * at * 31) % 1_000_003) / 100}","measurand":"${measurand}","unit":"${unit}","context":"Sample.Periodic"}`;
  return `{"connectorId":${1 + (number % 2)},"transactionId":${1_073_741_824 + (number % 5_000)},"meterValue":[{"timestamp":"2026-11-24T02:${10 + (number % 50)}:00.000Z","sampledValue":[${sample(3, 'Energy.Active.Import.Register', 'Wh')},${sample(7, 'Power.Active.Import', 'kW')}]}]}`;
}

/** A meter value that waits for the backend `only`. */
export function heldRecord(number: number, stations: number): HeldRecord {
  const at = Date.now();
  const key = number.toString(36).padStart(36, 'h');
  const message = {
    number: number + 1,
    backend: 'only',
    key,
    version: 'ocpp1.6',
    action: 'MeterValues',
    transaction: null,
    hasLeft: false,
    answer: '{}',
    isWorded: true,
    text: `[2,"${key}","MeterValues",${payloadOf(number)}]`,
    since: at,
  } as const;
  return { type: 'held', at, station: stationName(number % stations), message };
}
