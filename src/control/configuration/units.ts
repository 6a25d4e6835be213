/**
 * Durations, sizes, rates and addresses as the configuration writes them.
 *
 * Pure. Strict on purpose: whole numbers with one unit, nothing guessed. A fault is a sentence that says what was expected.
 */
import { fail, ok, type Result } from '../../std/result.ts';

const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `30s`, `5min` … as milliseconds. Units: ms, s, min, h, d. */
export function parseDuration(text: string): Result<number, string> {
  const expected = 'must be a duration such as 500ms, 30s, 5min, 2h or 30d';
  return parseQuantity(text, durationUnitsMs, expected);
}

const sizeUnitsBytes: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** `128KiB`, `20GiB` … as bytes. Units: B, KiB, MiB, GiB, TiB. */
export function parseSize(text: string): Result<number, string> {
  return parseQuantity(text, sizeUnitsBytes, 'must be a size such as 4096B, 128KiB, 1MiB or 20GiB');
}

const rateUnitsPerSecond: Readonly<Record<string, number>> = { s: 1, min: 1 / 60, h: 1 / 3_600 };

/** `5/s`, `20/min`, `60/h` as occurrences a second, or `unlimited` as Infinity. */
export function parseRate(text: string): Result<number, string> {
  const expected = 'must be a rate such as 5/s, 20/min or 60/h, or unlimited';
  if (text === 'unlimited') return ok(Number.POSITIVE_INFINITY);
  const match = /^(\d{1,15})\/(s|min|h)$/.exec(text);
  const unit = rateUnitsPerSecond[match?.[2] ?? ''];
  if (match === null || unit === undefined) return fail(expected);
  const count = Number(match[1]);
  return count === 0 ? fail(`${expected}; zero would stop everything`) : ok(count * unit);
}

export interface Address {
  /** A name or an IP address, IPv6 without its brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** `127.0.0.1:9220`, `[::1]:9220` or `gateway.local:9220`. */
export function parseAddress(text: string): Result<Address, string> {
  const expected = 'must be host:port such as 127.0.0.1:9220, [::1]:9220 or gateway.local:9220';
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    if (/^:\d{1,5}$/.test(text))
      return fail(`${expected}; for every IPv4 address of this machine write 0.0.0.0${text}`);
    return fail(expected);
  }
  const port = Number(match[3]);
  if (port > 65_535) return fail(`${expected}; a port is at most 65535`);
  const bracketed = match[1];
  if (bracketed !== undefined) return isIpv6(bracketed) ? ok({ host: bracketed, port }) : fail(expected);
  const host = match[2] ?? '';
  const isNumeric = /^[\d.]+$/.test(host);
  return (isNumeric ? isIpv4(host) : isHostName(host)) ? ok({ host, port }) : fail(expected);
}

/** Whether only this machine reaches it. A name other than `localhost` counts as reachable from elsewhere. */
export function isLoopback(host: string): boolean {
  return host === '::1' || host.toLowerCase() === 'localhost' || (isIpv4(host) && host.startsWith('127.'));
}

function parseQuantity(
  text: string,
  units: Readonly<Record<string, number>>,
  expected: string,
): Result<number, string> {
  const match = /^(\d{1,15})([A-Za-z]{1,3})$/.exec(text);
  const unitName = match?.[2] ?? '';
  const unit = Object.hasOwn(units, unitName) ? units[unitName] : undefined;
  if (match === null || unit === undefined) {
    const similar = Object.keys(units).find(
      (name) =>
        name.toLowerCase() === unitName.toLowerCase() || name.replace('i', '') === unitName.toUpperCase(),
    );
    const minutes = unitName === 'm' && Object.hasOwn(units, 'min') ? 'min' : similar;
    return fail(
      minutes === undefined || match === null ? expected : `${expected}; did you mean ${match[1]}${minutes}?`,
    );
  }
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? ok(value) : fail(`${expected}; this one is too large to count`);
}

function isIpv4(host: string): boolean {
  const parts = host.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(host: string): boolean {
  return (
    /^[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?$/.test(host) && URL.canParse(`http://[${host.replace(/%.*$/, '')}]/`)
  );
}

function isHostName(host: string): boolean {
  return (
    host.length <= 253 &&
    /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(host)
  );
}
