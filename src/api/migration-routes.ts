/**
 * `POST /migrations`, `GET /migrations`, `GET /migrations/{id}` and what may be decided of one: start, pause, resume, approve, rollback and the like, of the whole or of a wave.
 *
 * What is read only has a file of its own (migration-proof-routes.ts).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readPlan } from '../control/migration-plan/read-plan.ts';
import type { MigrationPlan } from '../core/migration/plan.ts';
import type { MigrationRefusal } from '../core/migration/state.ts';
import type { AuditOutcome } from '../ports/audit.ts';
import {
  migrationsKept,
  type MigrationDecision,
  type MigrationFault,
  type MigrationOutcome,
  type Migrations,
  type MigrationSnapshot,
} from '../ports/migrations.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { makeChange, type ChangeMade, type Changer } from './change.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { presentMigration, presentPreview, presentProblem } from './migration-presented.ts';
import {
  createQuery,
  migrationParams,
  pageQuery,
  planBody,
  waveParams,
  type CreateQuery,
  type PageQuery,
} from './migration-schemas.ts';
import { problem, type Problem, type ProblemItem, type ProblemName } from './problem.ts';
import {
  listLimitDefault,
  noQuery,
  optionalReasonBody,
  reasonBody,
  type OptionalReasonBody,
} from './schemas.ts';
import { sendProblem } from './server.ts';
import { badCursor } from './station-routes.ts';
import { compileCheck } from './validation.ts';

/** A plan may name each of 100,000 stations. */
const planBytesMax = 8 * 1024 * 1024;
const reasonCharactersMax = 500;
const listName = 'migrations';

export function addMigrationRoutes(app: FastifyInstance, migrations: Migrations, changer: Changer): void {
  addLists(app, migrations);
  addCreate(app, migrations, changer);
  const add = (verb: Verb): void => addDecision(app, migrations, changer, verb);
  for (const verb of verbs) add(verb);
}

function addLists(app: FastifyInstance, migrations: Migrations): void {
  app.get('/api/v1/migrations', {
    config: { role: 'viewer' },
    schema: {
      tags: ['migrations'],
      operationId: 'listMigrations',
      summary: 'Migrations, newest first',
      description: `Also those that are over, as long as there are not more than ${migrationsKept} in all.`,
      querystring: pageQuery,
      response: { 200: jsonAnswer('A page of migrations.', 'MigrationPage'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const { cursor, limit = listLimitDefault } = request.query as PageQuery;
      const all = migrations.list();
      const after = cursor === undefined ? null : decodeCursor(listName, cursor);
      if (after !== null && !after.ok) return sendProblem(reply, badCursor());
      const from = after === null ? 0 : all.findIndex(({ id }) => id === after.value) + 1;
      const page = all.slice(from, from + limit);
      const last = page.at(-1);
      const hasMore = last !== undefined && from + limit < all.length;
      const nextCursor = hasMore ? encodeCursor(listName, last.id) : null;
      return reply.send({ items: page.map(presentMigration), nextCursor });
    },
  });
  app.get('/api/v1/migrations/:id', {
    config: { role: 'viewer' },
    schema: {
      tags: ['migrations'],
      operationId: 'getMigration',
      summary: 'One migration, with its waves and gates',
      params: migrationParams,
      querystring: noQuery,
      response: { 200: jsonAnswer('The migration.', 'Migration'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const { id } = request.params as { id: string };
      const found = migrations.find(id);
      return found === null ? sendProblem(reply, unknownMigration(id)) : reply.send(presentMigration(found));
    },
  });
}

function addCreate(app: FastifyInstance, migrations: Migrations, changer: Changer): void {
  app.post('/api/v1/migrations', {
    config: { role: 'operator', changes: true },
    bodyLimit: planBytesMax,
    // The plan has a reader of its own, which says more of what is wrong.
    validatorCompiler: ({ schema, httpPart }) =>
      httpPart === 'body' ? () => true : compileCheck(schema as object, httpPart),
    schema: {
      tags: ['migrations'],
      operationId: 'createMigration',
      summary: 'Make a migration of a plan; nothing moves before it is started',
      description:
        'Which station is in which wave is fixed from here on. With blocking `problems` it is a draft; mend them and replan it. 409 `name-taken`: a migration of this name is not over. With `dryRun` the plan is only looked at: the stations of each wave and every problem (200). Audited before it is done.',
      querystring: createQuery,
      body: planBody,
      response: {
        200: jsonAnswer('With `dryRun`: what the plan comes to.', 'PlanPreviewed'),
        201: jsonAnswer('It is made.', 'Migration'),
        ...errorAnswers,
      },
    },
    handler: async (request, reply) => {
      const asked = readCreate(request.body);
      if (!asked.ok) return sendProblem(reply, asked.fault);
      const { plan, reason } = asked.value;
      if ((request.query as CreateQuery).dryRun === true)
        return reply.send(presentPreview(plan, await migrations.preview(plan)));
      const change = { action: 'migration.create', target: null, request: request.body, reason };
      return makeChange(changer, request, reply, change, async () => {
        const made = await migrations.create(plan, { who: request.caller?.name ?? '', reason });
        if (!made.ok) return refusedBy(made.fault);
        const { value } = made;
        return {
          outcome: { outcome: 'done', detail: null, before: null, after: summaryOf(value) },
          send: (to) =>
            to.code(201).header('location', `/api/v1/migrations/${value.id}`).send(presentMigration(value)),
        };
      });
    },
  });
}

function readCreate(body: unknown): Result<{ plan: MigrationPlan; reason: string | null }, Problem> {
  const { reason = null, ...written } = typeof body === 'object' && body !== null ? { ...body } : {};
  if (reason !== null && !isReason(reason)) {
    const item = {
      where: 'body.reason',
      reason: `must be text of at most ${reasonCharactersMax} characters`,
    };
    return fail(problem('invalid-request', `${item.where} ${item.reason}`, [item]));
  }
  if (valuesOf(written) > valuesMax) {
    const why = `holds more than ${valuesMax} values; a plan has 100,000 stations at most`;
    return fail(problem('invalid-plan', `body ${why}`, [{ where: 'body', reason: why }]));
  }
  // The reader changes what it is handed, and the audit is to have it as it came.
  const read = readPlan(structuredClone(written), 'body');
  if (read.ok) return ok({ plan: read.value.plan, reason });
  const items = read.fault.map(({ key, text }): ProblemItem => ({
    where: key === '' ? 'body' : `body.${key}`,
    reason: text,
  }));
  return fail(
    problem('invalid-plan', items.map(({ where, reason: why }) => `${where}: ${why}`).join('; '), items),
  );
}

/** Every station by name, and room for the rest: each value may be a mistake that is told. */
const valuesMax = 150_000;

/** How many there are, if not too many. No body is nested deeply (server.ts). */
function valuesOf(value: unknown): number {
  let count = 1;
  if (typeof value !== 'object' || value === null) return count;
  for (const member of Object.values(value)) {
    count += valuesOf(member);
    if (count > valuesMax) break;
  }
  return count;
}

function isReason(reason: unknown): reason is string {
  return typeof reason === 'string' && /\S/.test(reason) && reason.length <= reasonCharactersMax;
}

/** What may be asked for, where, and what it means. */
interface Verb {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly needsReason: boolean;
  /** null: the plan is looked at anew. `wave`: its place, of a path that names one. */
  readonly decisionOf: (wave: number) => MigrationDecision | null;
}

const verbs: readonly Verb[] = [
  {
    path: 'start',
    operationId: 'startMigration',
    summary: 'Start it: its first wave begins once its time has come',
    description: '409 `plan-has-problems`: it is a draft.',
    needsReason: false,
    decisionOf: () => ({ do: 'start' }),
  },
  {
    path: 'pause',
    operationId: 'pauseMigration',
    summary: 'Stop moving stations; those that moved stay where they are',
    description: 'Gates are still measured, and a red one with `rollback` still undoes its wave.',
    needsReason: false,
    decisionOf: () => ({ do: 'pause' }),
  },
  {
    path: 'resume',
    operationId: 'resumeMigration',
    summary: 'Go on after a pause',
    description: '409 `gate-red`: it would pause again at once; start the next wave by name to overrule it.',
    needsReason: false,
    decisionOf: () => ({ do: 'resume' }),
  },
  {
    path: 'approve',
    operationId: 'approveMigration',
    summary: 'Let the next wave of a plan with `approve` start',
    description: 'Once all else is as it must be. Asked twice, it may let the wave after that start too.',
    needsReason: false,
    decisionOf: () => ({ do: 'approve' }),
  },
  {
    path: 'replan',
    operationId: 'replanMigration',
    summary: 'Look at the fleet anew',
    description:
      'A draft whose problems are mended is ready afterwards. Of one that was started nothing changes.',
    needsReason: false,
    decisionOf: () => null,
  },
  {
    path: 'rollback',
    operationId: 'rollBackMigration',
    summary: 'Take every station back, and end it',
    description: 'It ends as rolled-back once all are back.',
    needsReason: true,
    decisionOf: () => ({ do: 'rollback' }),
  },
  {
    path: 'complete',
    operationId: 'completeMigration',
    summary: 'End it as it stands: waves that have passed stay, the others are left with the old backend',
    description:
      'It ends as done once stations that stay are taken off the new backend. Waves that were rolled back or never started are named in its `reason`. 409 `not-now`: a wave is moving, soaking or being rolled back.',
    needsReason: true,
    decisionOf: () => ({ do: 'complete' }),
  },
  {
    path: 'abandon',
    operationId: 'abandonMigration',
    summary: 'Give up one that was never started',
    description: 'Its name is free again.',
    needsReason: true,
    decisionOf: () => ({ do: 'abandon' }),
  },
  {
    path: 'waves/:wave/approve',
    operationId: 'approveWave',
    summary: 'Let a wave of a plan with `approve` start',
    description: 'Once all else is as it must be. Asked twice, it lets no other wave start.',
    needsReason: false,
    decisionOf: (wave) => ({ do: 'approve_wave', wave }),
  },
  {
    path: 'waves/:wave/start',
    operationId: 'startWave',
    summary: 'Start a wave now, whatever its time, its approval and the gates before it say',
    description: 'Or move those of its stations again that failed or were rolled back.',
    needsReason: true,
    decisionOf: (wave) => ({ do: 'start_wave', wave }),
  },
  {
    path: 'waves/:wave/rollback',
    operationId: 'rollBackWave',
    summary: 'Take the stations of a wave back, and pause the migration',
    description: 'Other waves stay where they are.',
    needsReason: true,
    decisionOf: (wave) => ({ do: 'rollback_wave', wave }),
  },
];

function addDecision(app: FastifyInstance, migrations: Migrations, changer: Changer, verb: Verb): void {
  app.post(`/api/v1/migrations/:id/${verb.path}`, {
    config: { role: 'operator', changes: true },
    schema: {
      tags: ['migrations'],
      operationId: verb.operationId,
      summary: verb.summary,
      description: `${verb.description} Answered once it is on disk, before it has come to all stations. Audited before it is done.`,
      params: verb.path.includes(':wave') ? waveParams : migrationParams,
      querystring: noQuery,
      body: verb.needsReason ? reasonBody : optionalReasonBody,
      response: { 200: jsonAnswer('How it stands now.', 'MigrationDecided'), ...errorAnswers },
    },
    handler: (request, reply) => decide(migrations, changer, request, reply, verb),
  });
}

async function decide(
  migrations: Migrations,
  changer: Changer,
  request: FastifyRequest,
  reply: FastifyReply,
  verb: Verb,
): Promise<FastifyReply> {
  const { id, wave } = request.params as { id: string; wave?: string };
  const found = migrations.find(id);
  if (found === null) return sendProblem(reply, unknownMigration(id));
  const place = wave === undefined ? 0 : migrations.waveOf(id, wave);
  if (place === null) return sendProblem(reply, unknownWave(found, wave ?? ''));
  const { reason = null } = request.body as OptionalReasonBody;
  const by = { who: request.caller?.name ?? '', reason };
  const action = verb.path.replace(':wave/', '').replace('waves/', 'wave.');
  const change = {
    action: `migration.${action}`,
    target: null,
    request: { migration: found.id, name: found.plan.name, ...(wave === undefined ? {} : { wave }) },
    reason,
  };
  return makeChange(changer, request, reply, change, async () => {
    const decision = verb.decisionOf(place);
    // By its id: its name may mean another by now.
    const made =
      decision === null
        ? await replan(migrations, found, by)
        : await migrations.decide(found.id, decision, by);
    const answer = madeOf(made, found, migrations.find(found.id));
    const { outcome, detail } = answer.outcome;
    // What was done is logged by whoever did it.
    if (outcome !== 'done')
      changer.log.info('migration_refused', { migration: found.id, action, by: by.who, reason, detail });
    return answer;
  });
}

async function replan(
  migrations: Migrations,
  found: MigrationSnapshot,
  by: { readonly who: string; readonly reason: string | null },
): Promise<Result<MigrationOutcome, MigrationFault>> {
  const again = await migrations.replan(found.id, by);
  // One that was started keeps what it has.
  const isChanged = found.phase === 'draft' || found.phase === 'ready';
  return again.ok ? ok({ kind: 'done', isChanged }) : again;
}

const refusals: Readonly<Record<MigrationRefusal, ProblemName>> = {
  not_now: 'not-now',
  has_problems: 'plan-has-problems',
  gate_red: 'gate-red',
  no_such_wave: 'unknown-wave',
  is_over: 'migration-over',
};

const faults: Readonly<Record<MigrationFault['fault'], ProblemName>> = {
  name_taken: 'name-taken',
  too_many: 'too-many-migrations',
  unknown: 'unknown-migration',
  claimed: 'stations-claimed',
  stopped: 'migration-stopped',
  storage: 'storage-failing',
};

export function problemOfFault({ fault, detail }: MigrationFault): Problem {
  return problem(faults[fault], detail);
}

function madeOf(
  made: Result<MigrationOutcome, MigrationFault>,
  before: MigrationSnapshot,
  after: MigrationSnapshot | null,
): ChangeMade {
  if (!made.ok) return refusedBy(made.fault);
  const { value } = made;
  if (value.kind === 'done') {
    const migration = presentMigration(after ?? before);
    const outcome: AuditOutcome = {
      outcome: 'done',
      detail: value.isChanged ? null : 'It was so already.',
      before: summaryOf(before),
      after: summaryOf(after ?? before),
    };
    return { outcome, send: (to) => to.send({ changed: value.isChanged, migration }) };
  }
  const { reason, detail } = value;
  const errors =
    reason === 'has_problems'
      ? before.problems
          .map(presentProblem)
          .filter(({ blocking }) => blocking)
          .map(({ where, why, advice }) => ({ where: `plan.${where}`, reason: `${why}; ${advice}` }))
      : undefined;
  return {
    outcome: { outcome: 'refused', detail, before: summaryOf(before), after: summaryOf(before) },
    send: (to) => sendProblem(to, problem(refusals[reason], detail, errors)),
  };
}

function refusedBy(fault: MigrationFault): ChangeMade {
  return {
    outcome: { outcome: 'refused', detail: fault.detail, before: null, after: null },
    send: (to) => sendProblem(to, problemOfFault(fault)),
  };
}

/** For the audit. */
function summaryOf({ id, phase, waves }: MigrationSnapshot): object {
  return { id, state: phase, waves: Object.fromEntries(waves.map(({ name, phase: at }) => [name, at])) };
}

export function unknownMigration(id: string): Problem {
  return problem(
    'unknown-migration',
    `No migration has the id or the name ${id}; the list of migrations has all that are kept.`,
  );
}

export function unknownWave({ plan, waves }: MigrationSnapshot, wave: string): Problem {
  const names = waves.map(({ name }) => name).join(', ');
  return problem(
    'unknown-wave',
    `${plan.name} has no wave ${wave}: its waves are ${names}, or 1 to ${waves.length}.`,
  );
}
