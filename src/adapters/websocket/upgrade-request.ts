/**
 * Reads an upgrade request: is it a WebSocket handshake, from whom, offering what.
 *
 * Pure but for Node's request type. RFC 6455 §4.2.1; OCPP-J 1.6 §3.1, OCPP 2.1 Part 4 §3.1. Every fault has a status and a sentence for the body; the
 * table of all refusals is docs/reference/refusals.md.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { DoorRefusal } from '../../ports/listener.ts';
import { parseStationId, type StationId, type StationIdFault } from '../../protocol/station-id.ts';
import { fail, ok, type Result } from '../../std/result.ts';

export interface UpgradeRequest {
  readonly station: StationId;
  /** Subprotocols in the station's order, blanks around them taken off; empty when it named none. */
  readonly offered: readonly string[];
}

export interface Refused {
  readonly refusal: DoorRefusal;
  readonly status: number;
  readonly reason: string;
  /** Further header lines, each a whole one. */
  readonly headers: readonly string[];
}

/** More names than this are no honest offer. */
const offeredMax = 16;
const keyForm = /^[+/0-9A-Za-z]{22}==$/;

export function readUpgradeRequest(request: IncomingMessage): Result<UpgradeRequest, Refused> {
  const { headers } = request;
  if (request.method !== 'GET') {
    return refuse(405, 'A WebSocket handshake is a GET request.', ['Allow: GET']);
  }
  if (request.httpVersionMajor !== 1 || request.httpVersionMinor < 1)
    return refuse(400, 'A WebSocket handshake is HTTP/1.1.');
  if (headers.host === undefined) return refuse(400, 'The Host header is missing.');
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    return refuse(426, 'This port speaks OCPP over WebSocket.', ['Upgrade: websocket']);
  }
  if (!keyForm.test(headers['sec-websocket-key'] ?? '')) {
    return refuse(400, 'The Sec-WebSocket-Key header is missing or malformed.');
  }
  if (headers['sec-websocket-version'] !== '13') {
    return refuse(426, 'This port speaks WebSocket version 13.', [
      'Sec-WebSocket-Version: 13',
      'Upgrade: websocket',
    ]);
  }
  if (headers.origin !== undefined && isBrowser(headers)) {
    return fail({
      refusal: 'origin_not_allowed',
      status: 403,
      reason: 'Web pages may not connect to this port.',
      headers: [],
    });
  }
  const offered = readOffered(headers['sec-websocket-protocol']);
  if (offered.length > offeredMax)
    return refuse(400, 'The Sec-WebSocket-Protocol header names too many subprotocols.');
  const station = parseStationId(request.url ?? '');
  if (!station.ok) {
    return fail({
      refusal: 'bad_identity',
      status: 404,
      reason: identityReasons[station.fault],
      headers: [],
    });
  }
  return ok({ station: station.value, offered });
}

/**
 * What a browser sends beside its Origin, and no page can take away. The Origin alone says nothing: libwebsockets (EVerest), arduinoWebSockets (MicroOcpp) and TinyWebsockets (Grizzl-E) name one for
 * stations too.
 */
function isBrowser(headers: IncomingHttpHeaders): boolean {
  return (
    headers['user-agent']?.toLowerCase().startsWith('mozilla/') === true ||
    headers['accept-language'] !== undefined ||
    headers['sec-fetch-site'] !== undefined ||
    headers['sec-fetch-mode'] !== undefined
  );
}

const identityReasons: Readonly<Record<StationIdFault, string>> = {
  missing: 'The URL ends without the identity of a station.',
  bad_encoding: 'The identity in the URL is not percent-encoded UTF-8.',
  has_colon: 'The identity in the URL holds a colon.',
  bad_character: 'The identity in the URL holds a character that is not allowed.',
  too_long: 'The identity in the URL is longer than 48 characters.',
};

function readOffered(header: string | undefined): string[] {
  if (header === undefined) return [];
  return header
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function refuse(
  status: number,
  reason: string,
  headers: readonly string[] = [],
): Result<UpgradeRequest, Refused> {
  return fail({ refusal: 'bad_request', status, reason, headers });
}
