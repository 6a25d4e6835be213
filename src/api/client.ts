/**
 * The API's client, over `fetch`: what the command line is built on.
 *
 * Faults are values with a sentence for people. Every request has a deadline. A stream comes back by itself after a lost connection and goes on
 * where it was; it gives up only when the server refuses it, or does not come back in time.
 */
import { fail, ok, type Result } from '../std/result.ts';
import { readEvents } from './event-stream.ts';
import type { AssignmentBody } from './assignment-schemas.ts';
import type {
  Migration,
  MigrationDecided,
  MigrationPage,
  MovedStationPage,
  MovedStationQuery,
  PageQuery,
  PlanPreviewed,
  Readiness,
  ReportQuery,
} from './migration-schemas.ts';
import type { Problem } from './problem.ts';
import type { Delivery, DeliveryDecided, DeliveryPage, DeliveryQuery } from './delivery-schemas.ts';
import type {
  Backend,
  BackendPage,
  CommandBody,
  CommandResult,
  Frame,
  FrameListQuery,
  FramePage,
  Station,
  StationMoved,
  StationPage,
  StationQuery,
} from './schemas.ts';

export interface ClientOptions {
  /** Of the admin address, such as `http://127.0.0.1:9221`. */
  readonly url: string;
  /** null: none is sent; enough from the same machine when none is configured. */
  readonly token: string | null;
  /** Deadline of one request, and of one attempt to open a stream. */
  readonly timeoutMs: number;
  /** How long a lost stream is tried to be opened again. */
  readonly reconnectMs: number;
}

export interface ClientFault {
  readonly fault: 'unreachable' | 'timed_out' | 'refused' | 'not_busbar';
  /** A sentence: what, why, what to do. */
  readonly message: string;
  /** With `refused`: what the server said. */
  readonly problem: Problem | null;
}

type Answer<Value> = Promise<Result<Value, ClientFault>>;

interface FollowQuery {
  readonly station?: string;
  /** A stream id, or `0` for the oldest frame kept. Absent: from now on. */
  readonly after?: string;
  readonly signal?: AbortSignal;
  /** Told when the stream is lost and will be tried again. */
  readonly onLost?: (fault: ClientFault) => void;
}

/** A frame, and the stream id to resume after it. */
interface StreamedFrame {
  readonly id: string;
  readonly frame: Frame;
}

export interface Client {
  stations(query: StationQuery): Answer<StationPage>;
  station(id: string): Answer<Station>;
  frames(station: string, query: FrameListQuery): Answer<FramePage>;
  /** Frames as they happen, each once and in order. Ends when the signal is aborted; a fault is the last thing it gives. */
  followFrames(query: FollowQuery): AsyncGenerator<Result<StreamedFrame, ClientFault>, void, undefined>;
  backends(): Answer<BackendPage>;
  backend(name: string): Answer<Backend>;
  /** Waits as long as Busbar waits for the station. Not tried again: without an answer nobody knows what the station did. */
  command(station: string, body: CommandBody): Answer<CommandResult>;
  /** Waits for `waitMs` for the backend to know the station. */
  moveStation(station: string, body: AssignmentBody, waitMs: number): Answer<StationMoved>;
  rollBackStation(station: string, reason: string): Answer<StationMoved>;
  /** Waits for `waitMs` for the backend to know the station. */
  checkReadiness(station: string, backend: string, waitMs: number): Answer<Readiness>;
  /** What the plan comes to; nothing is kept of it. */
  previewMigration(plan: object): Answer<PlanPreviewed>;
  createMigration(plan: object, reason: string | null): Answer<Migration>;
  migrations(query: PageQuery): Answer<MigrationPage>;
  /** By id or name. */
  migration(id: string): Answer<Migration>;
  migrationStations(id: string, query: MovedStationQuery): Answer<MovedStationPage>;
  migrationReport(id: string, format: NonNullable<ReportQuery['format']>): Answer<string>;
  /** `verb` is a path under the migration, such as `start` or `waves/1/rollback`. */
  decideMigration(id: string, verb: string, reason: string | null): Answer<MigrationDecided>;
  deliveries(query: DeliveryQuery): Answer<DeliveryPage>;
  delivery(id: string): Answer<Delivery>;
  decideDelivery(
    id: string,
    decision: 'retry' | 'drop',
    body: { readonly reason?: string },
  ): Answer<DeliveryDecided>;
  reloadConfiguration(reason: string): Answer<{ readonly changed: boolean }>;
}

/** Makes a client. Nothing is sent yet. */
export function createClient(options: ClientOptions): Client {
  const get = <Value>(path: string, query: Query = {}): Answer<Value> =>
    askJson(options, 'GET', path, query, null);
  const patient = { ...options, timeoutMs: decisionTimeoutMs };
  return {
    stations: (query) => get('/api/v1/stations', query),
    station: (id) => get(`/api/v1/stations/${encodeURIComponent(id)}`),
    frames: (station, query) => get(`/api/v1/stations/${encodeURIComponent(station)}/frames`, query),
    followFrames: (query) => followFrames(options, query),
    backends: () => get('/api/v1/backends'),
    backend: (name) => get(`/api/v1/backends/${encodeURIComponent(name)}`),
    command: (station, body) =>
      askJson(
        { ...options, timeoutMs: commandTimeoutMs },
        'POST',
        `/api/v1/stations/${encodeURIComponent(station)}/commands`,
        {},
        body,
      ),
    moveStation: (station, body, waitMs) =>
      askJson(
        { ...options, timeoutMs: waitMs + decisionTimeoutMs },
        'PUT',
        `/api/v1/stations/${encodeURIComponent(station)}/assignment`,
        waitMs === 0 ? {} : { wait: `${waitMs}ms` },
        body,
      ),
    rollBackStation: (station, reason) =>
      askJson(patient, 'POST', `/api/v1/stations/${encodeURIComponent(station)}/rollback`, {}, { reason }),
    checkReadiness: (station, backend, waitMs) =>
      askJson(
        { ...options, timeoutMs: waitMs + decisionTimeoutMs },
        'POST',
        `/api/v1/stations/${encodeURIComponent(station)}/readiness`,
        { wait: `${waitMs}ms` },
        { backend },
      ),
    previewMigration: (plan) => askJson(patient, 'POST', '/api/v1/migrations', { dryRun: true }, plan),
    createMigration: (plan, reason) =>
      askJson(patient, 'POST', '/api/v1/migrations', {}, reason === null ? plan : { ...plan, reason }),
    migrations: (query) => get('/api/v1/migrations', query),
    migration: (id) => get(pathOfMigration(id)),
    migrationStations: (id, query) => get(`${pathOfMigration(id)}/stations`, query),
    migrationReport: (id, format) => askText(patient, `${pathOfMigration(id)}/report`, { format }),
    decideMigration: (id, verb, reason) =>
      askJson(patient, 'POST', `${pathOfMigration(id)}/${verb}`, {}, reason === null ? {} : { reason }),
    deliveries: (query) => get('/api/v1/deliveries', query),
    delivery: (id) => get(`/api/v1/deliveries/${encodeURIComponent(id)}`),
    decideDelivery: (id, decision, body) =>
      askJson(options, 'POST', `/api/v1/deliveries/${encodeURIComponent(id)}/${decision}`, {}, body),
    reloadConfiguration: (reason) => askJson(options, 'POST', '/api/v1/config/reload', {}, { reason }),
  };
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

type Method = 'GET' | 'POST' | 'PUT';

interface Ask {
  readonly method: Method;
  readonly path: string;
  readonly query: Query;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly signal: AbortSignal;
}

/** A command waits for its turn and for the station. Less than the five minutes after which `fetch` gives up by itself. */
const commandTimeoutMs = 290_000;

/** Of a decision that is answered once it is on disk, and of what takes a while to be made. */
const decisionTimeoutMs = 60_000;

/** Silence after which a stream counts as lost: the server sends a comment every 15 s. */
const silenceMs = 45_000;
const redialMs = [100, 250, 500, 1000, 2000] as const;

async function askJson<Value>(
  options: ClientOptions,
  method: Method,
  path: string,
  query: Query,
  body: object | null,
): Answer<Value> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  const headers: Record<string, string> = body === null ? {} : { 'content-type': 'application/json' };
  const response = await ask(options, {
    method,
    path,
    query,
    headers,
    body: body === null ? null : JSON.stringify(body),
    signal,
  });
  if (!response.ok) return response;
  try {
    return ok((await response.value.json()) as Value);
  } catch (error) {
    return fail(signal.aborted ? unreachable(options, error) : notBusbar(options, 'its answer is no JSON'));
  }
}

function pathOfMigration(id: string): string {
  return `/api/v1/migrations/${encodeURIComponent(id)}`;
}

async function askText(options: ClientOptions, path: string, query: Query): Answer<string> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  const response = await ask(options, { method: 'GET', path, query, headers: {}, body: null, signal });
  if (!response.ok) return response;
  try {
    return ok(await response.value.text());
  } catch (error) {
    return fail(unreachable(options, error));
  }
}

/** The response, once its status says that it is what was asked for. */
async function ask(options: ClientOptions, { path, query, headers, ...init }: Ask): Answer<Response> {
  const url = new URL(path, options.url);
  // In a URL "." and ".." are steps, however they are written: another call would be made than the one that was meant.
  if (url.pathname !== path)
    return fail({
      fault: 'refused',
      message: 'Nothing may be called "." or "..": use its id or number.',
      problem: null,
    });
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, String(value));
  const authorization = options.token === null ? {} : { authorization: `Bearer ${options.token}` };
  try {
    const response = await fetch(url, {
      ...init,
      headers: { ...headers, ...authorization },
      redirect: 'error',
    });
    if (response.ok) return ok(response);
    return fail(await refusalOf(options, response));
  } catch (error) {
    return fail(unreachable(options, error));
  }
}

async function refusalOf(options: ClientOptions, response: Response): Promise<ClientFault> {
  if (!(response.headers.get('content-type') ?? '').startsWith('application/problem+json')) {
    await response.body?.cancel();
    return notBusbar(options, `it answered ${response.status} without saying why`);
  }
  const problem = (await response.json()) as Problem;
  return { fault: 'refused', message: `${problem.title}: ${detailOf(problem)}`, problem };
}

/** Who names stations and reasons sees no path and no body that they are in. */
function detailOf({ detail, errors = [] }: Problem): string {
  return errors.reduce(
    (text, { where, reason }) =>
      text.replace(`${where} ${reason}`, `${where.replace(/^(?:path|query|body)\./, '')} ${reason}`),
    detail,
  );
}

async function* followFrames(
  options: ClientOptions,
  query: FollowQuery,
): AsyncGenerator<Result<StreamedFrame, ClientFault>, void, undefined> {
  const isStopped = () => query.signal?.aborted === true;
  let after = query.after;
  let hasOpened = false;
  let lostAtMs: number | null = null;
  for (let attempt = 0; !isStopped(); attempt += 1) {
    const connection: Connection = { fault: null };
    for await (const event of openStream(
      options,
      { ...query, ...(after === undefined ? {} : { after }) },
      connection,
    )) {
      attempt = 0;
      hasOpened = true;
      lostAtMs = null;
      if (event.id !== '') after = event.id;
      if (event.data === null) continue;
      const frame = readFrame(event.data);
      yield frame === null
        ? fail(notBusbar(options, 'its stream holds what is no frame'))
        : ok({ id: event.id, frame });
      if (frame === null) return;
    }
    if (isStopped()) return;
    const lost = connection.fault ?? unreachable(options, new Error('the stream ended'));
    lostAtMs ??= performance.now();
    if (!hasOpened || isFinal(lost) || performance.now() - lostAtMs > options.reconnectMs) {
      yield fail(lost);
      return;
    }
    if (attempt === 0) query.onLost?.(lost);
    await pauseMs(redialMs[Math.min(attempt, redialMs.length - 1)] as number, query.signal);
  }
}

interface Connection {
  /** Why there are no more events; null when the server ended the stream. */
  fault: ClientFault | null;
}

function readFrame(data: string): Frame | null {
  try {
    return JSON.parse(data) as Frame;
  } catch {
    return null;
  }
}

/** One connection's events; `connection.fault` says afterwards why there are no more. */
async function* openStream(
  options: ClientOptions,
  { station, after, signal }: FollowQuery,
  connection: Connection,
): AsyncGenerator<{ id: string; data: string | null }, void, undefined> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  signal?.addEventListener('abort', stop);
  const watchdog = setTimeout(stop, options.timeoutMs);
  try {
    const headers: Record<string, string> = {
      accept: 'text/event-stream',
      ...(after === undefined ? {} : { 'last-event-id': after }),
    };
    const opened = await ask(options, {
      method: 'GET',
      path: '/api/v1/frames/stream',
      query: { station },
      headers,
      body: null,
      signal: controller.signal,
    });
    if (!opened.ok) {
      connection.fault = opened.fault;
      return;
    }
    for await (const event of readEvents(withSilenceBound(opened.value.body, watchdog, stop))) yield event;
  } catch (error) {
    connection.fault = unreachable(options, error);
  } finally {
    clearTimeout(watchdog);
    signal?.removeEventListener('abort', stop);
    controller.abort();
  }
}

async function* withSilenceBound(
  body: ReadableStream<Uint8Array> | null,
  opening: NodeJS.Timeout,
  onSilence: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  clearTimeout(opening);
  const silence = setTimeout(onSilence, silenceMs);
  try {
    for await (const chunk of body ?? []) {
      silence.refresh();
      yield chunk;
    }
  } finally {
    clearTimeout(silence);
  }
}

/** What another attempt would not change. */
function isFinal({ fault, problem }: ClientFault): boolean {
  return fault === 'not_busbar' || (fault === 'refused' && (problem?.status ?? 500) < 500);
}

function pauseMs(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal?.addEventListener('abort', done);
  });
}

function unreachable(options: ClientOptions, error: unknown): ClientFault {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  if (name === 'TimeoutError' || name === 'AbortError') {
    return {
      fault: 'timed_out',
      message: `${options.url} did not answer in time; is it Busbar's admin address?`,
      problem: null,
    };
  }
  const code = cause?.code ?? '';
  const why = reasons[code] ?? (code === '' ? (cause?.message ?? message) : code);
  return {
    fault: 'unreachable',
    message: `Busbar cannot be reached at ${options.url} (${why}); is it running, and is this its admin address?`,
    problem: null,
  };
}

/** What a code of the network does not say by itself. */
const reasons: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'it closed the connection without an answer',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there: Busbar’s own admin port is http://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS there: Busbar’s own admin port is http://',
  ENOTFOUND: 'the host name does not resolve',
};

function notBusbar(options: ClientOptions, why: string): ClientFault {
  return {
    fault: 'not_busbar',
    message: `${options.url} is not Busbar's admin address: ${why}.`,
    problem: null,
  };
}
