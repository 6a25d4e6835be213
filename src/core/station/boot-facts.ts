/**
 * What a BootNotification says of its station, as far as routes may ask for it.
 *
 * Pure. OCPP 1.6 §6.3 (`chargePointVendor`, …); OCPP 2.x B01 (`chargingStation.vendorName`, …). A field that is missing or no string is null: a station is
 * never turned away for what it does not say.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { ownText } from '../../std/own-text.ts';
import type { BootFacts } from '../journal/record.ts';

/** Longest value kept; the specifications allow 50 at most. */
const charactersMax = 255;

/** Reads the payload; null when it is no object. */
export function readBootFacts(version: OcppVersion, payload: string): BootFacts | null {
  const body = asObject(JSON.parse(payload));
  if (body === null) return null;
  if (version === 'ocpp1.6') {
    return {
      vendor: text(body['chargePointVendor']),
      model: text(body['chargePointModel']),
      firmware: text(body['firmwareVersion']),
      serial: text(body['chargePointSerialNumber']) ?? text(body['chargeBoxSerialNumber']),
    };
  }
  const station = asObject(body['chargingStation']);
  if (station === null) return null;
  return {
    vendor: text(station['vendorName']),
    model: text(station['model']),
    firmware: text(station['firmwareVersion']),
    serial: text(station['serialNumber']),
  };
}

/** True when both may be the same machine: firmware comes and goes. */
export function isSameStation(left: BootFacts, right: BootFacts): boolean {
  return left.vendor === right.vendor && left.model === right.model && left.serial === right.serial;
}

export function sameBootFacts(left: BootFacts, right: BootFacts | null): boolean {
  return (
    right !== null &&
    left.vendor === right.vendor &&
    left.model === right.model &&
    left.firmware === right.firmware &&
    left.serial === right.serial
  );
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function text(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  if (value.length <= charactersMax) return value;
  return ownText(value.slice(0, charactersMax));
}
