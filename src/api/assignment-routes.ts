/**
 * `PUT /stations/{id}/assignment`, `POST /stations/{id}/rollback`: whose a station is and who listens in, one station at a time, without its link noticing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseDuration } from '../control/configuration/units.ts';
import type { ObserverFault } from '../core/routing/observer-rules.ts';
import type { AssignmentDecision, AssignmentMade, Assignments } from '../ports/assignments.ts';
import type { AuditOutcome } from '../ports/audit.ts';
import type { Migrations } from '../ports/migrations.ts';
import type { Registry, StationBackendSnapshot } from '../ports/registry.ts';
import { defaultReceived } from '../protocol/message-class.ts';
import type { StationId } from '../protocol/station-id.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { makeChange, type ChangeMade, type Changer } from './change.ts';
import { problem, type Problem, type ProblemItem, type ProblemName } from './problem.ts';
import {
  assignmentBody,
  assignmentQuery,
  waitMaxMs,
  type AssignmentBody,
  type AssignmentQuery,
} from './assignment-schemas.ts';
import { noQuery, reasonBody, stationParams, type ReasonBody } from './schemas.ts';
import { sendProblem } from './server.ts';
import { presentPlacement, readStationId, unknownStation } from './station-routes.ts';

const keepWarmDefaultMs = 14 * 86_400_000;
/** Ten years: beyond, somebody mistook the unit. */
const keepWarmMaxMs = 3_650 * 86_400_000;
/** How often it is looked whether the backend knows the station by now. */
const lookMs = 100;

export interface AssignmentPorts {
  readonly registry: Registry;
  readonly assignments: Assignments;
  readonly migrations: Pick<Migrations, 'claimOf'>;
  readonly changer: Changer;
}

export function addAssignmentRoutes(app: FastifyInstance, ports: AssignmentPorts): void {
  app.put('/api/v1/stations/:id/assignment', {
    config: { role: 'operator', changes: true },
    schema: {
      tags: ['stations'],
      operationId: 'moveStation',
      summary: 'Move a station to another backend',
      description:
        'Its link stays up. 409 `not-synced`: the backend does not know the station yet, and is told of it from now on, or leaves its calls unanswered or answers with errors only, or has yet to take what is held for it, or has no room; `errors` says how far it is, and `wait` waits for it. 409 `transaction-open`, `firmware-update`, `reservation`, `report-in-parts`: that is to end first. 409 `not-connected`, `not-routed`, `wrong-version`. A station that is there already is 200 with `changed: false`, unless other `observers` are to listen in: that is done at once, connected or not, and touches no link of the station or its primary. 422 `invalid-request`: an observer may not listen in so; `errors` says which and why. 504 `decision-unsettled`: nobody knows whether it is on disk; look at the station. Audited before it is done.',
      params: stationParams,
      querystring: assignmentQuery,
      body: assignmentBody,
      response: { 200: jsonAnswer('It is there.', 'StationMoved'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const body = request.body as AssignmentBody;
      const read = readMove(body, request.query as AssignmentQuery);
      if (!read.ok) return sendProblem(reply, read.fault);
      const { reason, ...asked } = body;
      return decide(ports, request, reply, {
        action: 'station.move',
        asked,
        reason,
        decision: read.value.decision,
        waitMs: read.value.waitMs,
      });
    },
  });
  app.post('/api/v1/stations/:id/rollback', {
    config: { role: 'operator', changes: true },
    schema: {
      tags: ['stations'],
      operationId: 'rollBackStation',
      summary: 'Take the last move of a station back',
      description:
        'The backend before answers it again. 409 `nothing-to-undo`: it was not moved, or its route decides again. 409 `not-synced`: the backend before cannot be reached, and the station stays where it is. Audited before it is done.',
      params: stationParams,
      querystring: noQuery,
      body: reasonBody,
      response: { 200: jsonAnswer('It is back.', 'StationMoved'), ...errorAnswers },
    },
    handler: (request, reply) =>
      decide(ports, request, reply, {
        action: 'station.rollback',
        asked: null,
        reason: (request.body as ReasonBody).reason,
        decision: { do: 'roll_back' },
        waitMs: 0,
      }),
  });
}

interface Asked {
  readonly action: 'station.move' | 'station.rollback';
  /** For the audit. */
  readonly asked: unknown;
  readonly reason: string;
  readonly decision: AssignmentDecision;
  readonly waitMs: number;
}

function readMove(
  { primary, observers, openTransactions = 'pin', keepOldWarm, force = false }: AssignmentBody,
  { wait }: AssignmentQuery,
): Result<{ decision: AssignmentDecision; waitMs: number }, Problem> {
  const keepWarmMs = readDuration('body.keepOldWarm', keepOldWarm, keepWarmDefaultMs, keepWarmMaxMs);
  if (!keepWarmMs.ok) return keepWarmMs;
  const waitMs = readWait(wait, 0);
  if (!waitMs.ok) return waitMs;
  return ok({
    decision: {
      do: 'cut_over',
      primary,
      observers:
        observers?.map(({ backend, receives = defaultReceived, commands = [] }) => ({
          backend,
          receives,
          commands,
        })) ?? 'routed',
      openTransactions,
      keepWarmMs: keepWarmMs.value,
      isForced: force,
    },
    waitMs: waitMs.value,
  });
}

/** Reads `?wait=30s`. */
export function readWait(text: string | undefined, absentMs: number): Result<number, Problem> {
  return readDuration('query.wait', text, absentMs, waitMaxMs);
}

function readDuration(
  where: string,
  text: string | undefined,
  absentMs: number,
  mostMs: number,
): Result<number, Problem> {
  if (text === undefined) return ok(absentMs);
  const ms = parseDuration(text);
  if (ms.ok && ms.value <= mostMs) return ms;
  const reason = ms.ok ? `may be ${mostMs / 60_000} min at most` : `must be ${ms.fault.expected}`;
  return fail(problem('invalid-request', `${where} ${reason}`, [{ where, reason }]));
}

async function decide(
  { registry, assignments, migrations, changer }: AssignmentPorts,
  request: FastifyRequest,
  reply: FastifyReply,
  { action, asked, reason, decision, waitMs }: Asked,
): Promise<FastifyReply> {
  const id = readStationId((request.params as { id: string }).id, 'path.id');
  if (!id.ok) return sendProblem(reply, id.fault);
  const station = id.value;
  if (registry.station(station) === null) return sendProblem(reply, unknownStation(station));
  const change = { action, target: station, request: asked, reason };
  return makeChange(changer, request, reply, change, async () => {
    const made = await decideOnceSynced({ registry, assignments, station, decision, waitMs, caller: reply });
    const outcome = auditOf(made);
    changer.log.info(action === 'station.move' ? 'station_moved' : 'station_rolled_back', {
      station,
      to: made.after?.primary,
      by: request.caller?.name,
      reason,
      outcome: outcome.outcome,
      detail: outcome.detail,
    });
    const migration = migrations.claimOf(station)?.migration ?? null;
    return { outcome, send: answerOf(made, stateOf(registry, station, decision), migration) };
  });
}

interface Waiting {
  readonly registry: Registry;
  readonly assignments: Assignments;
  readonly station: StationId;
  readonly decision: AssignmentDecision;
  readonly waitMs: number;
  /** Once it is gone, nobody waits for the answer any more. */
  readonly caller: FastifyReply;
}

/** The first refusal starts the attaching; once the backend knows the station it is decided anew. */
async function decideOnceSynced(waiting: Waiting): Promise<AssignmentMade> {
  const { registry, assignments, station, decision, waitMs, caller } = waiting;
  const deadline = performance.now() + waitMs;
  let made = await assignments.decide(station, decision);
  while (isNotSynced(made) && performance.now() < deadline && !caller.raw.destroyed) {
    await pause(Math.min(lookMs, Math.max(1, deadline - performance.now())));
    const state = stateOf(registry, station, decision)?.state ?? null;
    // Without a state it is not told any more: whoever let go of it did not know of this.
    if (state !== 'synced' && state !== null) continue;
    made = await assignments.decide(station, decision);
  }
  return made;
}

function isNotSynced(made: AssignmentMade): boolean {
  return made.kind === 'refused' && made.reason === 'not_synced';
}

/** How the backend stands that is to answer the station. */
function stateOf(
  registry: Registry,
  station: StationId,
  decision: AssignmentDecision,
): StationBackendSnapshot | null {
  const snapshot = registry.station(station);
  const wanted = decision.do === 'cut_over' ? decision.primary : snapshot?.placement?.before;
  return snapshot?.backends.find(({ backend }) => backend === wanted) ?? null;
}

/** `migration`: the one that has the station and is not over. */
function answerOf(
  made: AssignmentMade,
  backend: StationBackendSnapshot | null,
  migration: string | null,
): ChangeMade['send'] {
  if (made.kind === 'done')
    return (to) => to.send({ changed: made.isChanged, placement: presentPlacement(made.after), migration });
  const { name, remedy } = refusals[made.reason];
  const faults = 'faults' in made ? made.faults?.map(itemOf) : undefined;
  const errors = isNotSynced(made) && backend !== null ? statesOf(backend) : faults;
  const detail = remedy === null ? made.detail : `${made.detail} ${remedy}`;
  return (to) => sendProblem(to, problem(name, detail, errors));
}

function itemOf({ path, what, remedy }: ObserverFault): ProblemItem {
  return { where: ['body', 'observers', ...path].join('.'), reason: `${what}; ${remedy}` };
}

/** For programs. */
function statesOf({ backend, link, state, lastError }: StationBackendSnapshot): ProblemItem[] {
  return [
    { where: `backends.${backend}.state`, reason: state ?? 'none' },
    { where: `backends.${backend}.link`, reason: link },
    ...(lastError === null ? [] : [{ where: `backends.${backend}.lastError`, reason: lastError }]),
  ];
}

type RefusalReason = Extract<AssignmentMade, { kind: 'refused' }>['reason'];

/** The problem of each refusal, and what to do about it where the refusal does not say so itself. */
const refusals: Readonly<
  Record<RefusalReason, { readonly name: ProblemName; readonly remedy: string | null }>
> = {
  not_routed: {
    name: 'not-routed',
    remedy: 'Give it a route in the configuration, and reload it.',
  },
  unknown_backend: { name: 'unknown-backend', remedy: null },
  wrong_version: {
    name: 'wrong-version',
    remedy: 'If the backend does speak it, say so in its `versions` in the configuration, and reload it.',
  },
  not_connected: { name: 'not-connected', remedy: 'Ask again once it is connected.' },
  not_synced: {
    name: 'not-synced',
    remedy: 'Ask again once its state is synced, or let the call wait for that, such as 30s.',
  },
  transaction_open: {
    name: 'transaction-open',
    remedy: 'Ask again then, or have open transactions pinned.',
  },
  firmware_update: { name: 'firmware-update', remedy: null },
  reservation: { name: 'reservation', remedy: null },
  report_in_parts: { name: 'report-in-parts', remedy: null },
  nothing_to_undo: {
    name: 'nothing-to-undo',
    remedy: 'Move it if it is to go elsewhere.',
  },
  is_primary: { name: 'is-primary', remedy: null },
  observers_unfit: { name: 'invalid-request', remedy: null },
  journal_failing: { name: 'storage-failing', remedy: 'Ask again once the storage works.' },
  unknown_outcome: { name: 'decision-unsettled', remedy: null },
  too_many_stations: { name: 'too-many-stations', remedy: null },
};

function auditOf(made: AssignmentMade): AuditOutcome {
  const { before, after } = made;
  if (made.kind === 'done')
    return { outcome: 'done', detail: made.isChanged ? null : 'It was so already.', before, after };
  const outcome = made.reason === 'unknown_outcome' ? 'failed' : 'refused';
  return { outcome, detail: made.detail, before, after };
}
