/**
 * Says in time that a certificate of ours runs out: the stations that see it expired are gone without a word of theirs.
 *
 * Nothing is refused for it: some stations do not look at the date, and those that do are told by TLS.
 */
import { X509Certificate } from 'node:crypto';
import type { Log } from '../../ports/log.ts';
import type { ServerTls } from '../../ports/settings.ts';

const dayMs = 86_400_000;
/** Renewals are made earlier than that, so one that is still to come has failed. */
const soonMs = 14 * dayMs;
const againMs = dayMs;

export class OwnCertificates {
  readonly #log: Log;
  #certificates: readonly X509Certificate[] = [];
  #saidMs = -Infinity;

  constructor(log: Log) {
    this.#log = log;
  }

  /** These are shown from now on. */
  use(tls: ServerTls | null, wallMs: number): void {
    this.#certificates = (tls?.pairs ?? []).map(({ cert }) => new X509Certificate(cert));
    this.#saidMs = -Infinity;
    this.look(wallMs);
  }

  /** When the first of them runs out, milliseconds since 1970; null where there are none. */
  get endMs(): number | null {
    const ends = this.#certificates.map(({ validTo }) => Date.parse(validTo));
    return ends.length === 0 ? null : Math.min(...ends);
  }

  /** Says what is amiss, once a day. */
  look(wallMs: number): void {
    // A clock that has gone back far says what is amiss by the time that it has now.
    if (Math.abs(wallMs - this.#saidMs) < againMs) return;
    this.#saidMs = wallMs;
    for (const { subject, validFrom, validTo } of this.#certificates) {
      const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
      const facts = { subject, validFrom: timeOf(fromMs), validTo: timeOf(toMs) };
      if (wallMs < fromMs || wallMs >= toMs) this.#log.error('certificate_not_valid', facts);
      else if (wallMs >= toMs - soonMs) this.#log.warn('certificate_expires', facts);
    }
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
