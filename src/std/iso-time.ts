/**
 * Points in time as RFC 3339 texts, without the host's clock or calendar.
 *
 * Pure. The proleptic Gregorian calendar by counting days (H. Hinnant, "chrono-compatible low-level date algorithms"). Stations and backends write times with
 * and without zone, fraction and blanks; what cannot be read is null, never a guess.
 */

const dayMs = 86_400_000;

/** Milliseconds since 1970 as `2026-11-27T19:24:57.123Z`. Years 0 to 9999. */
export function isoTime(ms: number): string {
  const days = Math.floor(ms / dayMs);
  const rest = ms - days * dayMs;
  const [year, month, day] = civilOf(days);
  const hours = Math.floor(rest / 3_600_000);
  const minutes = Math.floor(rest / 60_000) % 60;
  const seconds = Math.floor(rest / 1_000) % 60;
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  return `${date}T${digits(hours, 2)}:${digits(minutes, 2)}:${digits(seconds, 2)}.${digits(Math.floor(rest % 1_000), 3)}Z`;
}

/** Milliseconds since 1970, or null where the text is no point in time. Without a zone it is taken as UTC, as OCPP asks (1.6 §3.14). */
export function parseIsoTime(text: string): number | null {
  const match =
    /^\s*(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(?:[Zz]|([+-])(\d\d):?(\d\d))?\s*$/.exec(
      text,
    );
  if (match === null) return null;
  const [year, month, day, hours, minutes] = match.slice(1, 6).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const seconds = Number(match[6] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hours > 24 || minutes > 59 || seconds > 60)
    return null;
  const fractionMs = match[7] === undefined ? 0 : Math.floor(Number(`0.${match[7]}`) * 1_000);
  const zoneMinutes = match[8] === undefined ? 0 : Number(match[9]) * 60 + Number(match[10]);
  const offsetMs = (match[8] === '-' ? -zoneMinutes : zoneMinutes) * 60_000;
  return (
    daysOf(year, month, day) * dayMs +
    hours * 3_600_000 +
    minutes * 60_000 +
    seconds * 1_000 +
    fractionMs -
    offsetMs
  );
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** Days since 1970-01-01. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    719_468
  );
}

function civilOf(days: number): [year: number, month: number, day: number] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}
