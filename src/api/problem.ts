/**
 * Every error the API answers with, as one table of problem details.
 *
 * Pure. RFC 9457: `application/problem+json` with `type`, `title`, `status`, `detail`. `type` is `urn:busbar:problem:` and a name from the table;
 * programs compare it, people read `detail`.
 */

/** name → HTTP status and title. A name is never given another meaning. */
export const problemTypes = {
  'bad-request': { status: 400, title: 'The request cannot be read' },
  'not-authenticated': { status: 401, title: 'No valid token' },
  'not-allowed': { status: 403, title: 'Not allowed' },
  'loopback-only': { status: 403, title: 'Only from this machine' },
  'host-not-allowed': { status: 403, title: 'Host not allowed' },
  'command-forbidden': { status: 403, title: 'Busbar forbids this command' },
  'not-found': { status: 404, title: 'Nothing is here' },
  'unknown-station': { status: 404, title: 'Unknown station' },
  'unknown-backend': { status: 404, title: 'Unknown backend' },
  'unknown-group': { status: 404, title: 'Unknown group' },
  'unknown-migration': { status: 404, title: 'Unknown migration' },
  'unknown-wave': { status: 404, title: 'Unknown wave' },
  'unknown-delivery': { status: 404, title: 'Unknown delivery' },
  'delivery-on-its-way': { status: 409, title: 'The delivery is on its way' },
  'delivery-behind': { status: 409, title: 'The delivery waits behind another' },
  'name-taken': { status: 409, title: 'The name is taken' },
  'too-many-migrations': { status: 409, title: 'Too many migrations' },
  'not-now': { status: 409, title: 'Not as the migration stands' },
  'plan-has-problems': { status: 409, title: 'The plan has problems' },
  'gate-red': { status: 409, title: 'A gate is red' },
  'stations-claimed': { status: 409, title: 'Another migration has the stations' },
  'migration-over': { status: 409, title: 'The migration is over' },
  'not-connected': { status: 409, title: 'The station is not connected' },
  'not-routed': { status: 409, title: 'No route takes the station' },
  'wrong-version': { status: 409, title: 'The backend does not speak the station’s version' },
  'not-synced': { status: 409, title: 'The backend does not know the station yet' },
  'transaction-open': { status: 409, title: 'A transaction is open' },
  'firmware-update': { status: 409, title: 'A firmware update is under way' },
  reservation: { status: 409, title: 'A connector is reserved' },
  'report-in-parts': { status: 409, title: 'A report is under way' },
  'nothing-to-undo': { status: 409, title: 'There is nothing to undo' },
  'is-primary': { status: 409, title: 'The backend answers the station' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'too-slow': { status: 408, title: 'The request came too slowly' },
  'too-large': { status: 413, title: 'The body is too large' },
  'not-json': { status: 415, title: 'The body is not declared as JSON' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'invalid-request': { status: 422, title: 'The request is invalid' },
  'key-used-before': { status: 422, title: 'The key stands for another call' },
  'invalid-plan': { status: 422, title: 'The plan is invalid' },
  'invalid-configuration': { status: 422, title: 'The configuration is invalid' },
  'too-many-streams': { status: 503, title: 'Too many streams' },
  'too-many-answers': { status: 503, title: 'Too many answers are not taken' },
  'not-ready': { status: 503, title: 'Not ready' },
  'shutting-down': { status: 503, title: 'Busbar is shutting down' },
  'storage-unavailable': { status: 503, title: 'The storage cannot be read' },
  'storage-failing': { status: 503, title: 'The storage cannot be written' },
  'too-many-stations': { status: 503, title: 'Too many stations' },
  'audit-unavailable': { status: 503, title: 'The audit cannot be written' },
  'station-busy': { status: 503, title: 'Too many commands wait for the station' },
  'station-error': { status: 502, title: 'The station answered with an error' },
  'no-answer': { status: 504, title: 'No answer came from the station' },
  'decision-unsettled': { status: 504, title: 'The decision is not known to be kept' },
  'command-expired': { status: 504, title: 'The command was not sent in time' },
  'migration-stopped': { status: 500, title: 'A bug stopped the migration' },
  internal: { status: 500, title: 'Internal fault' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemName = keyof typeof problemTypes;

/** One thing that is wrong, and where. */
export interface ProblemItem {
  /** `query.limit`, `body.reason`, `busbar.yaml:12: routes[0].primary`. */
  readonly where: string;
  /** Why, and what would be right. */
  readonly reason: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly ProblemItem[];
}

export const problemMediaType = 'application/problem+json';

/** Makes a problem of the table. `detail` is one or two sentences for this occurrence; it holds no secret. */
export function problem(name: ProblemName, detail: string, errors?: readonly ProblemItem[]): Problem {
  const { status, title } = problemTypes[name];
  const common = { type: `urn:busbar:problem:${name}`, title, status, detail };
  return errors === undefined ? common : { ...common, errors };
}
