/**
 * Durations, sizes, rates and addresses as the configuration writes them.
 *
 * Pure. Strict on purpose: whole numbers with one unit, nothing guessed.
 */
import { fail, ok, type Result } from '../../std/result.ts';

/** What was expected instead, as it goes on after "must be", and what was probably meant. */
export interface UnitFault {
  readonly expected: string;
  readonly hint: string | null;
}

const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `30s`, `5min` … as milliseconds. Units: ms, s, min, h, d. */
export function parseDuration(text: string): Result<number, UnitFault> {
  return parseQuantity(text, durationUnitsMs, 'a duration such as 500ms, 30s, 5min, 2h or 30d');
}

/** The duration in the largest unit in which it is a whole number. */
export function durationText(ms: number): string {
  const [unit, unitMs] = Object.entries(durationUnitsMs).findLast(
    ([, each]) => ms >= each && ms % each === 0,
  ) ?? ['s', 1_000];
  return `${ms / unitMs}${unit}`;
}

const sizeUnitsBytes: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** `128KiB`, `20GiB` … as bytes. Units: B, KiB, MiB, GiB, TiB. */
export function parseSize(text: string): Result<number, UnitFault> {
  return parseQuantity(text, sizeUnitsBytes, 'a size such as 4096B, 128KiB, 1MiB or 20GiB');
}

const rateUnitsPerSecond: Readonly<Record<string, number>> = { s: 1, min: 1 / 60, h: 1 / 3_600 };

/** `5/s`, `20/min`, `60/h` as occurrences a second, or `unlimited` as Infinity. */
export function parseRate(text: string): Result<number, UnitFault> {
  const expected = 'a rate such as 5/s, 20/min or 60/h, or unlimited';
  if (text === 'unlimited') return ok(Number.POSITIVE_INFINITY);
  const match = /^(\d{1,15})\/(s|min|h)$/.exec(text);
  const unit = rateUnitsPerSecond[match?.[2] ?? ''];
  if (match === null || unit === undefined) return fail({ expected, hint: null });
  const count = Number(match[1]);
  return count === 0 ? fail({ expected, hint: 'zero would stop everything' }) : ok(count * unit);
}

export interface Address {
  /** A name or an IP address, IPv6 without its brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** `127.0.0.1:9220`, `[::1]:9220` or `gateway.local:9220`. */
export function parseAddress(text: string): Result<Address, UnitFault> {
  const expected = 'host:port such as 127.0.0.1:9220, [::1]:9220 or gateway.local:9220';
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    const isPort = /^:\d{1,5}$/.test(text);
    return fail({
      expected,
      hint: isPort ? `for every IPv4 address of this machine write 0.0.0.0${text}` : null,
    });
  }
  const [, bracketed, plain = '', digits] = match;
  const port = Number(digits);
  if (port > 65_535) return fail({ expected, hint: 'a port is at most 65535' });
  if (bracketed !== undefined)
    return isIpv6(bracketed) ? ok({ host: bracketed, port }) : fail({ expected, hint: null });
  const isHost = /^[\d.]+$/.test(plain) ? isIpv4(plain) : isHostName(plain);
  return isHost ? ok({ host: plain, port }) : fail({ expected, hint: null });
}

/** Whether only this machine reaches it. A name other than `localhost` counts as reachable from elsewhere. */
export function isLoopback(host: string): boolean {
  return host === '::1' || host.toLowerCase() === 'localhost' || (isIpv4(host) && host.startsWith('127.'));
}

/** Whether it stands for every address of this machine. */
export function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function parseQuantity(
  text: string,
  units: Readonly<Record<string, number>>,
  expected: string,
): Result<number, UnitFault> {
  const [, digits = '', unitName = ''] = /^(\d{1,15})([A-Za-z]{1,3})$/.exec(text) ?? [];
  const unit = Object.hasOwn(units, unitName) ? units[unitName] : undefined;
  if (unit === undefined) {
    const meant = digits === '' ? undefined : similarUnit(unitName, Object.keys(units));
    return fail({ expected, hint: meant === undefined ? null : `did you mean ${digits}${meant}?` });
  }
  const value = Number(digits) * unit;
  return Number.isSafeInteger(value) ? ok(value) : fail({ expected, hint: 'this one is too large to count' });
}

/** `KB` for `KiB`, `S` for `s`, `m` for `min`. */
function similarUnit(name: string, names: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  if (lower === 'm' && names.includes('min')) return 'min';
  return names.find((one) => one.toLowerCase() === lower || one.replace('i', '').toLowerCase() === lower);
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
