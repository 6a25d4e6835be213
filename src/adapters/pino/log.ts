/**
 * The log as JSON lines, by `pino`: `time` (RFC 3339, UTC), `level`, `event`, and the event's fields.
 *
 * Two things are done to fields whoever wrote them: a field whose name says that it holds a secret or a token is masked, and a text is made harmless for
 * terminals and log viewers and cut at 1 KiB, since peers choose what some of them hold.
 */
import { pino } from 'pino';
import type { Log, LogFields } from '../../ports/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Takes whole lines, each with its line break. */
interface LogDestination {
  write(line: string): unknown;
}

export interface LogOptions {
  /** Events below it are left out; `silent` leaves out all. */
  readonly level: LogLevel;
  readonly destination: LogDestination;
}

/** Longest text of a field, characters. */
export const fieldCharactersMax = 1024;

/** What a masked field holds, as long as it holds anything. */
const mask = '***';

/** Makes a log. One event is one line. */
export function createLog({ level, destination }: LogOptions): Log {
  const lines = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void destination.write(line) },
  );
  const at =
    (wanted: Exclude<LogLevel, 'silent'>): Log['info'] =>
    (event, fields) => {
      // What nobody will read is not worth cleaning.
      if (lines.isLevelEnabled(wanted))
        lines[wanted]({ event, ...(fields === undefined ? {} : cleaned(fields)) });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Names as they are written here, on the wire (`idTag`) and in headers (`X-Api-Key`). A name that merely sounds like one is masked too. */
const secretNames =
  /pass(?:word|phrase)|authori[sz]ation|token|secret|credential|cookie|id_?tag|(?:^|[_-])key$/i;
const secretCamelNames = /[a-z]Key$/;

/** The line's own names; a field of that name would give the line two. */
const ownNames: ReadonlySet<string> = new Set(['time', 'level', 'event']);

function cleaned(fields: LogFields): Record<string, string | number | boolean | null> {
  const clean: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const key = ownNames.has(name) ? `${name}_` : name;
    if (value !== null && value !== '' && isSecret(name)) clean[key] = mask;
    else clean[key] = typeof value === 'string' ? harmless(value) : value;
  }
  return clean;
}

function isSecret(name: string): boolean {
  return secretNames.test(name) || secretCamelNames.test(name);
}

/** C0 (JSON would escape them, but a viewer undoes that), DEL, C1, line separators and marks that turn the direction of writing. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

function harmless(text: string): string {
  const short = text.length <= fieldCharactersMax ? text : `${text.slice(0, fieldCharactersMax)}…`;
  return short.replace(controls, '\ufffd');
}
