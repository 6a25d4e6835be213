/**
 * What a backend that joins late has to be told of a station: its last boot, and the last word on every connector.
 *
 * Pure data and its one mutator. A station that reconnects does not boot again (OCPP-J 1.6 errata), and one that was accepted must refuse a triggered boot
 * (1.6 errata 3.35, 2.x F06.FR.17), so what it said once is kept as it said it. Saved with the station. Bounded: what is too large or one connector too many
 * is not kept, and a backend that joins then learns it when the station says it next.
 */
import { isoTime } from '../../std/iso-time.ts';
import { ownText } from '../../std/own-text.ts';
import type { OcppVersion } from '../../protocol/version.ts';

export interface StationImage {
  boot: BootImage | null;
  /** One entry a connector, in the order in which they were first heard of. */
  readonly statuses: StatusImage[];
  /** How far a firmware update is, in the station's word; null: none is under way. */
  firmware: string | null;
}

export interface BootImage {
  readonly version: OcppVersion;
  /** As the station sent it. */
  readonly payload: string;
  /** Counts boots whose content differs from the one before, so that a verdict tells which it was about. */
  readonly number: number;
}

export interface StatusImage {
  /** `1.6: connector` or `2.x: EVSE/connector`, and for an event that is of another component than the connector also that one's name. */
  readonly key: string;
  readonly action: 'StatusNotification' | 'NotifyEvent';
  /** As the station sent it, with a timestamp where it gave none. */
  readonly payload: string;
}

/** A fault that a backend has yet to hear of. */
export interface MissedStatus {
  /** Grows with every one of a station. */
  readonly number: number;
  readonly backend: string;
  /** As the station sent it, with a timestamp where it gave none. */
  readonly payload: string;
}

/** Faults that are kept of one station, for all of its backends; beyond it the oldest goes. */
export const missedMax = 50;

/** Connectors that are remembered. */
export const statusesMax = 128;
const bootCharactersMax = 8_192;
const statusCharactersMax = 2_048;

export function emptyImage(): StationImage {
  return { boot: null, statuses: [], firmware: null };
}

/** True for the calls of a station that an image is made of. */
export function isImaged(action: string): boolean {
  return action === 'BootNotification' || tellsStatus(action) || isFirmwareStatus(action);
}

/** True for the calls in which a station may tell how a connector is. */
export function tellsStatus(action: string): boolean {
  return action === 'StatusNotification' || action === 'NotifyEvent';
}

/** What a call that may tell how connectors are tells of: one name a connector, '' for anything else. `payload` is its JSON. */
export function connectorsIn(action: string, payload: string): readonly string[] {
  const body = objectOf(payload);
  if (action === 'StatusNotification') return [`${keyOf(body?.['evseId'])}/${keyOf(body?.['connectorId'])}`];
  const events: unknown = body?.['eventData'];
  return Array.isArray(events) ? events.map((event) => eventKeyOf(event) ?? '') : [''];
}

/** Learns from a call of the station. True when the image is another than before. `payload` is its JSON, received at `wallMs`. */
export function learn(
  image: StationImage,
  version: OcppVersion,
  action: string,
  payload: string,
  wallMs: number,
): boolean {
  switch (action) {
    case 'BootNotification':
      return learnBoot(image, version, payload);
    case 'StatusNotification':
      return learnStatus(image, version, payload, wallMs);
    case 'NotifyEvent':
      return learnEvents(image, payload);
    default:
      return isFirmwareStatus(action) && learnFirmware(image, payload);
  }
}

function isFirmwareStatus(action: string): boolean {
  return action === 'FirmwareStatusNotification' || action === 'SignedFirmwareStatusNotification';
}

function learnFirmware(image: StationImage, payload: string): boolean {
  const status = objectOf(payload)?.['status'];
  const firmware = typeof status === 'string' && firmwareUnderWay.has(status) ? status : null;
  if (image.firmware === firmware) return false;
  image.firmware = firmware;
  return true;
}

/** FirmwareStatusEnumType of all versions, without what ends an update or means that there is none. */
const firmwareUnderWay: ReadonlySet<string> = new Set([
  'Downloading',
  'Downloaded',
  'DownloadScheduled',
  'DownloadPaused',
  'SignatureVerified',
  'InstallScheduled',
  'Installing',
  'InstallRebooting',
  'InstallVerified',
]);

function learnBoot(image: StationImage, version: OcppVersion, payload: string): boolean {
  if (payload.length > bootCharactersMax) return false;
  const known = image.boot;
  if (known !== null && known.version === version && known.payload === payload) return false;
  image.boot = { version, payload: ownText(payload), number: (known?.number ?? 0) + 1 };
  // In another version connectors have other names and statuses other words: it says them all again.
  if (known !== null && known.version !== version) image.statuses.length = 0;
  // Another firmware than before, most likely: whatever was under way is over, whether it says so or not.
  image.firmware = null;
  return true;
}

function learnStatus(image: StationImage, version: OcppVersion, payload: string, wallMs: number): boolean {
  const body = objectOf(payload);
  if (body === null || payload.length > statusCharactersMax) return false;
  const key =
    version === 'ocpp1.6'
      ? keyOf(body['connectorId'])
      : `${keyOf(body['evseId'])}/${keyOf(body['connectorId'])}`;
  return keep(image, { key, action: 'StatusNotification', payload: dated(body, payload, wallMs) });
}

/** A status of 1.6 need not say since when it holds; told later without that, it would look as if it had just changed. */
function dated(body: Record<string, unknown>, payload: string, wallMs: number): string {
  if (typeof body['timestamp'] === 'string') return payload;
  const close = payload.lastIndexOf('}');
  const comma = Object.keys(body).length === 0 ? '' : ',';
  return `${payload.slice(0, close)}${comma}"timestamp":"${isoTime(wallMs)}"}`;
}

/**
 * What the station says, as it is told later, where it is a fault: one that has passed by then is to be known all the same. Null where it is none.
 *
 * Of events those that alert, whether a limit was passed or is kept again, and connectors that become faulted.
 */
export function faultIn(
  version: OcppVersion,
  action: string,
  payload: string,
  wallMs: number,
): string | null {
  const body = objectOf(payload);
  if (body === null) return null;
  const fault =
    action === 'NotifyEvent'
      ? faultyEvents(body)
      : isFault(version, body)
        ? dated(body, payload, wallMs)
        : null;
  return fault === null || fault.length > statusCharactersMax ? null : ownText(fault);
}

function isFault(version: OcppVersion, body: Record<string, unknown>): boolean {
  const { status, errorCode, connectorStatus } = body;
  return version === 'ocpp1.6'
    ? status === 'Faulted' || (typeof errorCode === 'string' && errorCode !== 'NoError')
    : connectorStatus === 'Faulted';
}

function faultyEvents(body: Record<string, unknown>): string | null {
  const { eventData } = body;
  const faulty = Array.isArray(eventData) ? eventData.filter(isFaultyEvent) : [];
  return faulty.length === 0 ? null : toldEvents(body, faulty);
}

function isFaultyEvent(event: unknown): boolean {
  if (!isObject(event)) return false;
  return (
    event['trigger'] === 'Alerting' || (eventKeyOf(event) !== null && event['actualValue'] === 'Faulted')
  );
}

/** Events as a message of their own. */
function toldEvents(body: Record<string, unknown>, eventData: readonly unknown[]): string {
  return JSON.stringify({ generatedAt: body['generatedAt'], seqNo: 0, tbc: false, eventData });
}

/** What the payload of a status or a fault is told as. */
export function actionOfTold(payload: string): 'StatusNotification' | 'NotifyEvent' {
  return Array.isArray(objectOf(payload)?.['eventData']) ? 'NotifyEvent' : 'StatusNotification';
}

/** 2.1 tells the state of connectors by events of the variable AvailabilityState (B01.FR.05, E02.FR.05). */
function learnEvents(image: StationImage, payload: string): boolean {
  const body = objectOf(payload);
  const events: unknown = body?.['eventData'];
  if (body === null || !Array.isArray(events)) return false;
  let isChanged = false;
  for (const event of events as unknown[]) {
    const key = eventKeyOf(event);
    if (key === null) continue;
    const told = toldEvents(body, [event]);
    if (told.length <= statusCharactersMax)
      isChanged = keep(image, { key, action: 'NotifyEvent', payload: told }) || isChanged;
  }
  return isChanged;
}

/** An event of a connector has the name that a StatusNotification has: a station that is triggered says the one, and the other by itself, and the last word is one of both. */
function eventKeyOf(event: unknown): string | null {
  if (!isObject(event) || !isObject(event['variable']) || !isObject(event['component'])) return null;
  const { component, variable } = event;
  if (variable['name'] !== 'AvailabilityState') return null;
  const evse = isObject(component['evse']) ? component['evse'] : {};
  const place = `${keyOf(evse['id'])}/${keyOf(evse['connectorId'])}`;
  return component['name'] === 'Connector' ? place : `${keyOf(component['name'])}:${place}`;
}

function keep(image: StationImage, status: StatusImage): boolean {
  const at = image.statuses.findIndex(({ key }) => key === status.key);
  const known = image.statuses[at];
  if (known?.payload === status.payload) return false;
  const own = { ...status, payload: ownText(status.payload) };
  if (known !== undefined) image.statuses[at] = own;
  else if (image.statuses.length < statusesMax) image.statuses.push(own);
  else return false;
  return true;
}

function keyOf(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value).slice(0, 64) : '';
}

function objectOf(payload: string): Record<string, unknown> | null {
  const value: unknown = JSON.parse(payload);
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
