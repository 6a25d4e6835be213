/**
 * What the stations of a bench say, ready to be sent, and what their backend answers.
 *
 * Pure. Every message is unique, as those of stations are: the number in its id and a reading in its payload are counted up in place. Sizes are those of real ones: a
 * MeterValues of two readings some 400 bytes, its answer the empty object that OCPP 1.6 §6.34 prescribes.
 */
import { clientFrame, writeDigits } from './wire.ts';

/** `transaction`: what the journal has to hold before it is answered. `ordinary`: heartbeats, statuses and data transfers in turn. */
export type Mix = 'transaction' | 'ordinary';

/** A frame with the places of its numbers. */
export interface Message {
  readonly frame: Buffer;
  /** Payload offset of the ten digits in the message id. */
  readonly idAt: number;
  /** Payload offset of the ten digits of the reading, or -1. */
  readonly readingAt: number;
}

const digits = 10;
const idMark = '#'.repeat(digits);
const readingMark = '$'.repeat(digits);

/** The messages of one station, which it sends in turn. `transaction`: what it calls the one that is under way. */
export function messagesOf(station: number, mix: Mix, transaction: number): readonly Message[] {
  return (mix === 'transaction' ? [meterValues(station, transaction)] : ordinary(station)).map(messageOf);
}

/** The first thing a station says. */
export function bootOf(station: number): Message {
  return messageOf(
    callText(
      station,
      'BootNotification',
      `{"chargePointVendor":"Example","chargePointModel":"Bench AC 22","chargePointSerialNumber":"SN-${100_000 + station}","firmwareVersion":"1.8.2"}`,
    ),
  );
}

/** The start of its transaction, whose number the answer gives. */
export function startOf(station: number): Message {
  return messageOf(
    callText(
      station,
      'StartTransaction',
      `{"connectorId":1,"idTag":"CARD-${100_000 + station}","meterStart":0,"timestamp":"2026-11-24T02:10:00.000Z"}`,
    ),
  );
}

/** Makes the message the next one of its station. */
export function renumber({ frame, idAt, readingAt }: Message, number: number): Buffer {
  writeDigits(frame, idAt, digits, number);
  if (readingAt !== -1) writeDigits(frame, readingAt, digits, number);
  return frame;
}

/** The payload of the answer, by the first letter of the action. */
export function answerTo(actionInitial: number): string {
  switch (actionInitial) {
    case 0x42: // BootNotification
      return '{"currentTime":"2026-11-24T02:10:00.000Z","interval":300,"status":"Accepted"}';
    case 0x48: // Heartbeat
      return '{"currentTime":"2026-11-24T02:10:00.000Z"}';
    case 0x44: // DataTransfer
      return '{"status":"Accepted","data":"{\\"slot\\":17,\\"limit\\":11000}"}';
    default:
      return '{}';
  }
}

function messageOf(text: string): Message {
  const frame = clientFrame(
    text.replace(idMark, '0'.repeat(digits)).replace(readingMark, '0'.repeat(digits)),
  );
  return { frame, idAt: text.indexOf(idMark), readingAt: text.indexOf(readingMark) };
}

/** An id of 36 characters, as most stations use. */
function callText(station: number, action: string, payload: string): string {
  return `[2,"${(0x1f3a_0000 + station).toString(16)}-7c1e-4b02-9d5${station % 10}-a4${idMark}","${action}",${payload}]`;
}

function meterValues(station: number, transaction: number): string {
  return callText(
    station,
    'MeterValues',
    `{"connectorId":1,"transactionId":${transaction},"meterValue":[{"timestamp":"2026-11-24T02:10:00.000Z","sampledValue":[{"value":"${readingMark}","measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Sample.Periodic"},{"value":"10985.4","measurand":"Power.Active.Import","unit":"W","context":"Sample.Periodic"}]}]}`,
  );
}

function ordinary(station: number): readonly string[] {
  return [
    callText(station, 'Heartbeat', '{}'),
    callText(
      station,
      'StatusNotification',
      '{"connectorId":1,"errorCode":"NoError","info":"","status":"Charging","timestamp":"2026-11-24T02:10:00.000Z","vendorId":"example","vendorErrorCode":"0"}',
    ),
    callText(
      station,
      'DataTransfer',
      `{"vendorId":"com.example","messageId":"loadReport","data":"{\\"at\\":\\"2026-11-24T02:10:00.000Z\\",\\"phases\\":[15.9,16.0,15.8],\\"register\\":${readingMark},\\"temperature\\":41.2,\\"fuse\\":63}"}`,
    ),
  ];
}
