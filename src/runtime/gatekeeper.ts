/**
 * Who may enter: the list, the password, the certificate, and how often one may be wrong.
 *
 * Not pure: compares in constant time with Node's crypto; the rules themselves are in core/admission. Passwords are compared as octets, in both forms a 1.6
 * key is seen in. An unknown identity costs the same work as a wrong password, and with `hideUnknown` gets the same answer.
 *
 * Failures are counted by identity and address, and by source network with five times the bound, so that one wrong station behind a shared address does not
 * use up its neighbours' share. A station that entered before from its address is not held up by what its network
 * does, and what other networks do to an identity never counts against it: locking an identity out is not a gift to whoever can guess it.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { basicTokenOf, hexDecoded, isUser, splitCredentials } from '../core/admission/basic-credentials.ts';
import { certificateFault, type CertificateFault } from '../core/admission/certificate-rules.ts';
import { FailureBuckets } from '../core/admission/failure-buckets.ts';
import { sourcePrefix } from '../core/admission/source-prefix.ts';
import type { Clock } from '../ports/clock.ts';
import type { DoorRefusal, Entry, EntryRequest, Gatekeeper } from '../ports/listener.ts';
import type { ListenerSettings } from '../ports/settings.ts';
import type { StationId } from '../protocol/station-id.ts';
import { Secret } from '../std/secret.ts';

/** Buckets kept of each kind: about 2 MB when full. */
const bucketsMax = 16_384;
/** A network may be wrong this many times as often as one station. */
const networkShare = 5;
const nobodysPassword = randomBytes(20);
/** Makes digests that say nothing outside this process. */
const digestKey = randomBytes(32);

type Refused = Extract<Entry, { isAdmitted: false }>;

/** Whether the station may come at all, if it then shows what it has to. */
export function isExpected({ auth, admit, known }: ListenerSettings, station: StationId): boolean {
  const entry = known.get(station) ?? null;
  switch (auth) {
    case 'none':
      return entry !== null || admit === 'any';
    case 'basic':
      return entry !== null && entry.password !== null;
    case 'certificate':
      return entry !== null;
  }
}

/** A gatekeeper that judges by these settings until `update` brings others. */
export function createGatekeeper(settings: ListenerSettings, clock: Clock): Gatekeeper {
  return new SettingsGatekeeper(settings, clock);
}

class SettingsGatekeeper implements Gatekeeper {
  #settings: ListenerSettings;
  readonly #clock: Clock;
  readonly #byStation = new FailureBuckets(bucketsMax);
  readonly #byNetwork = new FailureBuckets(bucketsMax);
  /** Where each known station last proved who it is. Only known ones can, so it is as long as that list at most. */
  readonly #provedFrom = new Map<StationId, string>();

  constructor(settings: ListenerSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  update(settings: ListenerSettings): void {
    this.#settings = settings;
    for (const station of this.#provedFrom.keys()) {
      if (!settings.known.has(station)) this.#provedFrom.delete(station);
    }
  }

  admit(request: EntryRequest): Entry {
    const waitMs = this.#waitMs(request);
    if (waitMs > 0) return tooManyAttempts(waitMs);
    const entry = this.#judge(request);
    if (!entry.isAdmitted) this.#countFailure(request);
    else if (entry.isAuthenticated) this.#provedFrom.set(request.station, request.peer);
    return entry;
  }

  #judge(request: EntryRequest): Entry {
    const { auth, admit, hideUnknown, known } = this.#settings;
    const station = known.get(request.station) ?? null;
    const isUnlisted = station === null && admit === 'listed';
    if (isUnlisted && !hideUnknown) return unknownStation;
    const password = readBasic(request);
    switch (auth) {
      case 'none':
        return isUnlisted ? wrongCredentials : admitted(false, password);
      case 'basic':
        return isPassword(password, station?.password ?? null) ? admitted(true, password) : wrongCredentials;
      case 'certificate': {
        const name = station?.certificate?.commonName ?? request.station;
        const fault = certificateFault(request.certificate, name, this.#clock.wallMs());
        if (fault !== null) return wrongCertificate(fault, request.certificate?.chainFault ?? null);
        // Somebody has to have said that this station may come: a certificate proves a name, not an admission.
        return station === null ? wrongCertificate('other_name', null) : admitted(true, password);
      }
    }
  }

  #waitMs(request: EntryRequest): number {
    const perMinute = this.#settings.limits.failuresPerMinute;
    const nowMs = this.#clock.nowMs();
    const ownMs = this.#byStation.waitMs(stationKey(request), perMinute, nowMs);
    if (ownMs > 0 || this.#provedFrom.get(request.station) === request.peer) return ownMs;
    return this.#byNetwork.waitMs(sourcePrefix(request.peer), perMinute * networkShare, nowMs);
  }

  #countFailure(request: EntryRequest): void {
    const perMinute = this.#settings.limits.failuresPerMinute;
    const nowMs = this.#clock.nowMs();
    this.#byStation.add(stationKey(request), perMinute, nowMs);
    this.#byNetwork.add(sourcePrefix(request.peer), perMinute * networkShare, nowMs);
  }
}

function stationKey(request: EntryRequest): string {
  return `${request.station} ${request.peer}`;
}

/** The password, when the one header is well formed and its user is the station of the URL. */
function readBasic(request: EntryRequest): Uint8Array | null {
  const token = basicTokenOf(request.authorization);
  const credentials = token === null ? null : splitCredentials(Buffer.from(token, 'base64'));
  return credentials !== null && isUser(credentials.user, request.station) ? credentials.password : null;
}

/** Whether it is the stored password in one of its forms. The work does not depend on what is right, nor on whether there is one stored. */
function isPassword(presented: Uint8Array | null, stored: Secret | null): boolean {
  const given = presented ?? nobodysPassword;
  const wanted = stored?.reveal() ?? nobodysPassword;
  const isPlain = isSame(given, wanted);
  const isItsBytes = isSame(given, hexDecoded(wanted) ?? nobodysPassword);
  const isItsDigits = isSame(hexDecoded(given) ?? nobodysPassword, wanted);
  return presented !== null && stored !== null && (isPlain || isItsBytes || isItsDigits);
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return timingSafeEqual(digestOf(left), digestOf(right));
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHmac('sha256', digestKey).update(bytes).digest();
}

/** The password is copied, so that the request's buffer is not kept. */
function admitted(isAuthenticated: boolean, password: Uint8Array | null): Entry {
  const credential = password === null ? null : new Secret(Uint8Array.from(password));
  return { isAdmitted: true, isAuthenticated, credential };
}

const unknownStation = refused('unknown_station', 404, 'No station of this identity is known here.');
const wrongCredentials = refused('bad_credentials', 401, 'The credentials are missing or wrong.');

function wrongCertificate(fault: CertificateFault, chainFault: string | null): Refused {
  const status = fault === 'missing' ? 401 : 403;
  return refused('bad_certificate', status, certificateReason(fault, chainFault));
}

/** The word of OpenSSL tells the installer what to mend; it says nothing of ours. */
function certificateReason(fault: CertificateFault, chainFault: string | null): string {
  switch (fault) {
    case 'missing':
      return 'A client certificate is required.';
    case 'not_verified':
      return `The client certificate is not trusted: ${chainFault}.`;
    case 'not_valid_now':
      return 'The client certificate is not valid at this time.';
    case 'other_name':
      return 'The client certificate is not that of this station.';
  }
}

function tooManyAttempts(waitMs: number): Refused {
  const retryAfterS = Math.ceil(waitMs / 1_000);
  return { ...refused('too_many_attempts', 429, 'Too many failed attempts; try again later.'), retryAfterS };
}

function refused(refusal: DoorRefusal, status: Refused['status'], reason: string): Refused {
  return { isAdmitted: false, refusal, status, reason, retryAfterS: null };
}
