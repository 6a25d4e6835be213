/**
 * The reference of the log: every event that a gateway writes, what it means and what is to be done.
 *
 * Pure. The compiler holds the table to the events that there are, and a test to their levels.
 */
import type { LogEvent } from '../../src/ports/log.ts';
import type { ReferencePage } from './reference-pages.ts';

type LogLevel = 'debug' | 'info' | 'warn' | 'error';

interface LogEntry {
  readonly level: LogLevel;
  /** Beside `time`, `level` and `event`. */
  readonly fields: readonly string[];
  readonly when: string;
  /** What an operator does about it, where that is anything. */
  readonly remedy?: string;
}

type Entries<Event extends LogEvent> = Readonly<Record<Event, LogEntry>>;

const what = ['by', 'reason', 'outcome', 'detail'] as const;

const process = {
  started: {
    level: 'info',
    fields: [
      'version',
      'node',
      'config',
      'stationUrl',
      'stationPort',
      'auth',
      'admit',
      'adminUrl',
      'storage',
    ],
    when: 'Stations are let in from here on. `adminUrl` is null where there is no API.',
  },
  draining: {
    level: 'info',
    fields: ['cause', 'stations'],
    when: 'It was told to stop (`cause`), lets nobody in any more, and closes the links of so many stations one after the other.',
  },
  stopped: {
    level: 'info',
    fields: ['isClean'],
    when: 'It ends. `isClean: false`: not everything was on disk or answered in time, and the exit code is 1; stations send again what was not answered.',
  },
  stopped_at_once: {
    level: 'warn',
    fields: [],
    when: 'It was told to stop a second time while it drained, and ends without waiting.',
  },
  config_reloaded: {
    level: 'info',
    fields: ['by', 'reason', 'outcome'],
    when: 'The configuration was read anew and holds, by `SIGHUP` or by whom. `outcome`: `changed` or `unchanged`.',
  },
  config_reload_refused: {
    level: 'warn',
    fields: ['by', 'reason', 'outcome', 'problem', 'problems'],
    when: 'The file has a problem, and what ran before still runs. By `SIGHUP` there is a line for each `problem`; by the API their number, and the answer has them.',
    remedy: 'Mend the file; `busbar config check --config FILE` says the same without a gateway.',
  },
  backend_removed_in_use: {
    level: 'warn',
    fields: ['backend', 'stations', 'messages', 'migrations'],
    when: 'A reload took a backend away that so many stations are at, that is still to get so many messages, or that these migrations name.',
    remedy: 'Put it back, unless that was meant: what is held for it is kept, and not delivered.',
  },
  certificate_expires: {
    level: 'warn',
    fields: ['subject', 'validFrom', 'validTo'],
    when: 'A certificate of Busbar’s own ends within 14 days. Looked at once a day, at start and on a reload.',
    remedy: 'Renew it and reload.',
  },
  certificate_not_valid: {
    level: 'error',
    fields: ['subject', 'validFrom', 'validTo'],
    when: 'A certificate of Busbar’s own has ended, or has not begun: stations that look at it do not connect.',
    remedy: 'Renew it and reload; look at the clock.',
  },
} satisfies Partial<Entries<LogEvent>>;

const links = {
  link_opened: {
    level: 'info',
    fields: ['station', 'link', 'version'],
    when: 'A link of a station is open: its own (`link: station`), or one to a backend (`link: backend:NAME`).',
  },
  link_closed: {
    level: 'info',
    fields: ['station', 'link', 'code', 'reason'],
    when: 'It is closed, with the code of RFC 6455 §7.4 where there was one, and the reason: the peer’s words, or Busbar’s.',
  },
  station_refused: {
    level: 'info',
    fields: ['station', 'status', 'reason', 'detail', 'peer'],
    when: 'A station was not let in. `reason` is the label in [refusals](refusals.md), `detail` the sentence.',
    remedy: 'By its reason; many of one reason are a configuration that is wrong, or an attack.',
  },
  accept_failed: {
    level: 'error',
    fields: ['message'],
    when: 'The system gave no socket for a connection, mostly for want of file descriptors.',
    remedy:
      'Raise the limit of open files (`LimitNOFILE`): three for each station and its backend, and some.',
  },
  backend_up: {
    level: 'info',
    fields: ['backend'],
    when: 'A backend that was down can be reached again.',
  },
  backend_down: {
    level: 'warn',
    fields: ['backend', 'lastError'],
    when: 'Dials to a backend failed five times in a row, of five stations where any is connected to it. `lastError` is why.',
    remedy:
      'Look at the backend and at the way to it. What becomes of its stations: [outages](../guide/outages.md).',
  },
  identity_clash: {
    level: 'warn',
    fields: ['station'],
    when: 'Two connections under one identity push each other out again and again, or somebody without credentials wants in under the name of a station that is there.',
    remedy:
      'Two stations may have one identity, or somebody tries names: look at the peers of `station_refused`.',
  },
  identity_displaced: {
    level: 'debug',
    fields: ['station'],
    when: 'A station came back while its link before was still open; that one is closed.',
  },
  station_flooding: {
    level: 'warn',
    fields: ['station'],
    when: 'A station sends more than `limits.callsPerSecond`, or does not wait for its answers; it is read more slowly, and loses its link after a minute.',
    remedy: 'Look at its firmware.',
  },
  backend_flooding: {
    level: 'warn',
    fields: ['station', 'backend'],
    when: 'A backend sends more than its share for one station, or has too many commands waiting; it is read more slowly, or refused.',
    remedy: 'Look at what it repeats.',
  },
  station_unresponsive: {
    level: 'debug',
    fields: ['station'],
    when: 'A station answered two pings with nothing: its link is half-open, and is cut.',
  },
  backend_unresponsive: {
    level: 'debug',
    fields: ['station', 'backend'],
    when: 'A backend answered two pings with nothing: the link is half-open, is cut and dialled anew.',
  },
  backend_silent: {
    level: 'debug',
    fields: ['station', 'backend'],
    when: 'A backend left a call of the station unanswered for `callTimeout`.',
    remedy: 'Where `busbar_notices_total{notice="backend_silent"}` rises, look at the backend.',
  },
  moved_by_route: {
    level: 'debug',
    fields: ['station'],
    when: 'A reload, or what a station said of itself, gives it to another backend: its link is closed, and it comes back by the new route.',
  },
  command_unanswered: {
    level: 'debug',
    fields: ['station', 'backend'],
    when: 'A station left a command unanswered; who asked is told so. Without `backend` an operator asked.',
  },
  command_forbidden: {
    level: 'warn',
    fields: ['station', 'backend'],
    when: 'A backend that is not in charge of the station commanded it, and was refused.',
    remedy: 'Grant it `commands` on the route, or have the backend stop.',
  },
  command_protected: {
    level: 'debug',
    fields: ['station', 'backend'],
    when: 'A backend wanted to change how the station connects, which would take it away from Busbar; Busbar answered that itself.',
  },
  stale_event: {
    level: 'debug',
    fields: ['station'],
    when: 'Something came of a link that is gone.',
  },
} satisfies Partial<Entries<LogEvent>>;

const outages = {
  backend_rejecting: {
    level: 'warn',
    fields: ['station', 'backend'],
    when: 'A backend answered five calls of the station in a row with errors of its own. Busbar answers in its place from here on, and asks it again by a heartbeat.',
    remedy: 'Look at the backend’s own log.',
  },
  held_near_bound: {
    level: 'warn',
    fields: ['station', 'backend'],
    when: 'As much is held for this station as 80 % of `limits.heldPerStation`.',
    remedy:
      'Get the backend back; at the bound the station’s link is closed, and it keeps its messages itself.',
  },
  fault_forgotten: {
    level: 'debug',
    fields: ['station', 'backend'],
    when: 'Of the faults that a backend has yet to hear of, the oldest made room for a newer one.',
  },
  late_refusal: {
    level: 'debug',
    fields: ['station', 'backend'],
    when: 'A backend refused a driver whom Busbar had let charge; the transaction is stopped where it goes on.',
    remedy: 'Many are a reason to choose another `authorizeWhenDown`.',
  },
  delivery_parked: {
    level: 'warn',
    fields: ['station', 'backend', 'action', 'number', 'lastError'],
    when: 'A held message was refused for good, or is behind such a one of its transaction.',
    remedy: 'Decide about it: `busbar delivery show ID`, then `retry` or `drop`.',
  },
  delivery_decided: {
    level: 'info',
    fields: ['station', 'number', 'backend', 'decision', ...what],
    when: 'An operator decided about a held message.',
  },
  billing_at_risk: {
    level: 'warn',
    fields: ['backend', 'stations', 'messages', 'since', 'oldest'],
    when: 'Messages of transactions are parked, or have been held for a backend for an hour: money waits.',
    remedy: 'Get the backend back, and decide about what is parked.',
  },
  billing_risk_over: {
    level: 'info',
    fields: ['backend', 'stations', 'messages', 'since', 'oldest'],
    when: 'That is over.',
  },
} satisfies Partial<Entries<LogEvent>>;

const journal = {
  journal_commit_failed: {
    level: 'error',
    fields: ['fault', 'detail'],
    when: 'A commit failed: `disk_full`, `disk_failing`, or `store_stopped`. It is tried again every second.',
    remedy:
      'Make room, or look at the disk. Nothing that was answered is lost: [storage](../guide/storage.md).',
  },
  journal_commit_stalled: {
    level: 'error',
    fields: ['seconds'],
    when: 'A commit takes so long that the disk counts as failing until it ends.',
    remedy: 'Look at the disk.',
  },
  journal_bound_reached: {
    level: 'error',
    fields: ['bytes'],
    when: 'So much waits for the disk that further records are left out, and counted.',
    remedy: 'Look at the disk; `journal_gap` says how many were left out.',
  },
  journal_unwritable: {
    level: 'warn',
    fields: [],
    when: 'Nothing can be made durable from here on: new stations are refused, and those with messages to make durable lose their links and keep them.',
    remedy: 'See `journal_commit_failed` before it.',
  },
  journal_writable: {
    level: 'warn',
    fields: [],
    when: 'It can again.',
  },
  journal_gap: {
    level: 'warn',
    fields: ['records'],
    when: 'So many records are not in the journal; it says so in their place.',
  },
  journal_lost: {
    level: 'error',
    fields: ['records'],
    when: 'The process ends, and so many records did not reach the disk. None of them was promised to anybody.',
  },
  journal_corrupt: {
    level: 'error',
    fields: ['file', 'first', 'last', 'records', 'row', 'station', 'number', 'backend', 'migration'],
    when: 'A batch, or a row, does not hold what was written: it is left out, and the others are read. The fields say where, as far as that is known.',
    remedy: 'The disk or something else damages files: get a copy of the journal away, and replace the disk.',
  },
  journal_unreadable: {
    level: 'error',
    fields: ['file', 'detail'],
    when: 'Somebody asked for records, and they could not be read. Writing goes on.',
    remedy: 'Look at the disk.',
  },
  journal_disk_trouble: {
    level: 'warn',
    fields: ['file', 'detail'],
    when: 'What is done between commits failed. What was promised is safe, and the next commit opens the file anew.',
    remedy: 'Look at the disk when it comes again.',
  },
  journal_thread_restarted: {
    level: 'warn',
    fields: ['file'],
    when: 'The thread that writes had ended, and was started again.',
    remedy: 'Report it, with the lines before.',
  },
  journal_failing: {
    level: 'warn',
    fields: ['station'],
    when: 'A station sent what must be durable while the journal cannot be written: its link is closed, and it keeps the message.',
    remedy: 'See `journal_commit_failed` before it.',
  },
} satisfies Partial<Entries<LogEvent>>;

const moves = {
  station_moved: {
    level: 'info',
    fields: ['station', 'to', ...what],
    when: 'An operator moved a station, or tried to.',
  },
  station_rolled_back: {
    level: 'info',
    fields: ['station', 'to', ...what],
    when: 'An operator moved a station back, or tried to.',
  },
  migration_decided: {
    level: 'info',
    fields: ['migration', 'decision', 'who'],
    when: 'Somebody started, paused, resumed, cancelled or changed a migration, or decided of one of its stations.',
  },
  migration_refused: {
    level: 'info',
    fields: ['migration', 'action', 'by', 'reason', 'detail'],
    when: 'Such a decision was refused.',
  },
  migration_phase: {
    level: 'info',
    fields: ['migration', 'before', 'after', 'reason'],
    when: 'A migration goes from one phase to another, such as from `running` to `paused` when a gate is red.',
    remedy: 'When it is paused, look at its gates: `busbar migration show NAME`.',
  },
  migration_not_saved: {
    level: 'warn',
    fields: ['migration', 'fault', 'detail'],
    when: 'What was decided or measured could not be written; nothing is ordered until it is.',
    remedy: 'Look at the disk.',
  },
  migration_stopped: {
    level: 'error',
    fields: ['migration', 'error'],
    when: 'A bug of Busbar’s stopped this migration, and no other. Its stations stay where they are.',
    remedy: 'Report it. It goes on from what was saved when Busbar is started again.',
  },
} satisfies Partial<Entries<LogEvent>>;

const api = {
  api_refused: {
    level: 'warn',
    fields: ['reason', 'by', 'peer', 'method', 'path'],
    when: 'A request to the API was refused: without a token, with a wrong one, or by somebody whose role does not allow it.',
    remedy: 'Look at the peer, or give the caller another role.',
  },
  api_failed: {
    level: 'error',
    fields: ['method', 'path', 'detail'],
    when: 'A request ended with 500, by a mistake of Busbar’s own.',
    remedy: 'Report it, with the line.',
  },
  station_commanded: {
    level: 'info',
    fields: ['station', 'action', ...what],
    when: 'An operator commanded a station.',
  },
  audit_unavailable: {
    level: 'error',
    fields: ['action', 'by', 'fault', 'detail'],
    when: 'The audit cannot be written, so what somebody asked for was not done.',
    remedy: 'Look at the disk.',
  },
  audit_outcome_missing: {
    level: 'error',
    fields: ['entry', 'action', 'target', 'by', 'fault', 'detail'],
    when: 'It was done, and what came of it could not be written into the audit: its entry stays without an outcome.',
    remedy: 'Look at the disk; keep this line with the audit.',
  },
} satisfies Partial<Entries<LogEvent>>;

const bugs = {
  invariant_broken: {
    level: 'error',
    fields: ['station', 'message', 'stack'],
    when: 'A promise did not hold within one station’s machine. It ends, its links are cut, and it gets a new machine when it comes back; the others go on.',
    remedy: 'Report it, with the frames of the minutes before (`busbar frames tail`).',
  },
  bug: {
    level: 'error',
    fields: ['station', 'message', 'stack'],
    when: 'The same by another mistake.',
    remedy: 'Report it.',
  },
  journal_listener_broken: {
    level: 'error',
    fields: ['error'],
    when: 'Who follows the journal failed at it, and is told nothing more.',
    remedy: 'Report it.',
  },
  journal_waiter_broken: {
    level: 'error',
    fields: ['error'],
    when: 'What waited for a commit failed once that was there; the others were told.',
    remedy: 'Report it.',
  },
} satisfies Partial<Entries<LogEvent>>;

/** All of them. */
export const logEntries: Entries<LogEvent> = {
  ...process,
  ...links,
  ...outages,
  ...journal,
  ...moves,
  ...api,
  ...bugs,
};

const sections: readonly (readonly [title: string, entries: Partial<Entries<LogEvent>>])[] = [
  ['The process and its configuration', process],
  ['Stations, backends and their links', links],
  ['While a backend is down', outages],
  ['The journal', journal],
  ['Moves and migrations', moves],
  ['Operators and the API', api],
  ['Mistakes of Busbar’s own', bugs],
];

const intro = `# The log

<!-- Generated by \`npm run docs\`; edit the code it is made from. -->

Busbar writes JSON lines to stderr, one for each event: \`time\` (RFC 3339, UTC), \`level\`, \`event\`, and those of the fields below that are known. Names of events and fields keep their
meaning. No line holds a password, a token or what a message says; a text of somebody else’s is made harmless for terminals and cut at 1 KiB.

\`\`\`json
{"level":"warn","time":"2026-11-24T02:10:00.000Z","event":"backend_down","backend":"old","lastError":"connect_failed: ECONNREFUSED"}
\`\`\`

Look at every \`error\`. Other alerts are better made of [metrics](metrics.md). Those that are \`counted\` are too frequent for a log: they are no lines, but steps of
\`busbar_notices_total{notice}\`, which counts those of level \`warn\` that have a station, too.
`;

export function logPage(): ReferencePage {
  const text = sections.map(([title, entries]) => `\n## ${title}\n\n${tableOf(entries)}\n`).join('');
  return { path: 'docs/reference/log.md', text: `${intro}${text}` };
}

function tableOf(entries: Partial<Entries<LogEvent>>): string {
  const rows = Object.entries(entries).map(([event, { level, fields, when, remedy = '' }]) => {
    const isCounted = level === 'debug';
    const names = isCounted ? '' : fields.map((field) => `\`${field}\``).join(', ');
    return `| \`${event}\` | ${isCounted ? 'counted' : level} | ${when} | ${remedy} | ${names} |`;
  });
  return [
    '| event | level | what has happened | what to do | fields |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
