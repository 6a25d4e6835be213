/**
 * `GET /migrations/{id}/stations|evidence|report`: how far each station is, what was done, and what a person signs off.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { beginReport, finishReport, readEvidence, type MigrationReport } from '../core/migration/report.ts';
import type { StationProgress } from '../core/migration/state.ts';
import { htmlOf, reportStyle } from '../control/migration-report/html.ts';
import { markdownOf } from '../control/migration-report/markdown.ts';
import { reportDocument } from '../control/migration-report/report-document.ts';
import type {
  Evidence,
  MigrationFault,
  Migrations,
  MigrationSnapshot,
  ProgressQuery,
} from '../ports/migrations.ts';
import type { Registry } from '../ports/registry.ts';
import type { StationId } from '../protocol/station-id.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { readPosition } from './frame-routes.ts';
import { presentEvidence, presentStation } from './migration-presented.ts';
import { problemOfFault, unknownMigration, unknownWave } from './migration-routes.ts';
import {
  migrationParams,
  movedStationQuery,
  pageQuery,
  reportQuery,
  type MovedStationQuery,
  type PageQuery,
  type ReportQuery,
} from './migration-schemas.ts';
import type { Problem } from './problem.ts';
import { listLimitDefault } from './schemas.ts';
import { sendProblem } from './server.ts';
import { badCursor } from './station-routes.ts';

/** As many as may be asked for at once. */
const pageStations = 1_000;

export function addMigrationProofRoutes(
  app: FastifyInstance,
  migrations: Migrations,
  registry: Registry,
): void {
  addStations(app, migrations);
  addEvidence(app, migrations);
  addReport(app, migrations, registry);
}

function addStations(app: FastifyInstance, migrations: Migrations): void {
  app.get('/api/v1/migrations/:id/stations', {
    config: { role: 'viewer' },
    schema: {
      tags: ['migrations'],
      operationId: 'listMigrationStations',
      summary: 'How far each of its stations is, in the order of the waves',
      params: migrationParams,
      querystring: movedStationQuery,
      response: { 200: jsonAnswer('A page of stations.', 'MovedStationPage'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const { id } = request.params as { id: string };
      const found = migrations.find(id);
      if (found === null) return sendProblem(reply, unknownMigration(id));
      const { wave, state, cursor, limit = listLimitDefault } = request.query as MovedStationQuery;
      const place = wave === undefined ? null : migrations.waveOf(id, wave);
      if (wave !== undefined && place === null) return sendProblem(reply, unknownWave(found, wave));
      const listName = `stations-of-${found.id}`;
      const after = cursor === undefined ? null : decodeCursor(listName, cursor);
      if (after !== null && !after.ok) return sendProblem(reply, badCursor());
      const query: ProgressQuery = {
        // One more than is asked for says whether the list goes on.
        limit: Math.min(limit + 1, pageStations),
        ...(place === null ? {} : { wave: place }),
        ...(state === undefined ? {} : { phase: state }),
        ...(after === null ? {} : { after: after.value as StationId }),
      };
      const items = migrations.stations(found.id, query) ?? [];
      const page = items.slice(0, limit);
      const last = page.at(-1);
      const hasMore = last !== undefined && (items.length > limit || items.length === pageStations);
      const nextCursor = hasMore ? encodeCursor(listName, last.station) : null;
      return reply.send({ items: page.map((item) => presentStation(found.plan, item)), nextCursor });
    },
  });
}

function addEvidence(app: FastifyInstance, migrations: Migrations): void {
  app.get('/api/v1/migrations/:id/evidence', {
    config: { role: 'viewer' },
    schema: {
      tags: ['migrations'],
      operationId: 'listMigrationEvidence',
      summary: 'What was decided, done and measured, oldest first',
      description:
        'Only ever appended to. Numbers are without gaps; one that is missing could not be read any more.',
      params: migrationParams,
      querystring: pageQuery,
      response: { 200: jsonAnswer('A page of evidence.', 'EvidencePage'), ...errorAnswers },
    },
    handler: async (request, reply) => {
      const { id } = request.params as { id: string };
      const found = migrations.find(id);
      if (found === null) return sendProblem(reply, unknownMigration(id));
      const { cursor, limit = listLimitDefault } = request.query as PageQuery;
      const listName = `evidence-of-${found.id}`;
      const key = cursor === undefined ? ok('0') : decodeCursor(listName, cursor);
      const after = key.ok ? readPosition(key.value) : null;
      if (after === null) return sendProblem(reply, badCursor());
      const entries = await migrations.evidence(found.id, after, limit + 1);
      if (!entries.ok) return sendProblem(reply, problemOfFault(entries.fault));
      const page = entries.value.slice(0, limit);
      const last = page.at(-1);
      const hasMore = last !== undefined && entries.value.length > limit;
      const nextCursor = hasMore ? encodeCursor(listName, String(last.number)) : null;
      return reply.send({ items: page.map(presentEvidence), nextCursor });
    },
  });
}

function addReport(app: FastifyInstance, migrations: Migrations, registry: Registry): void {
  const markdown = { 'text/markdown': { schema: { type: 'string' } } };
  const html = { 'text/html': { schema: { type: 'string' } } };
  const json = { 'application/json': { schema: { type: 'object' } } };
  app.get('/api/v1/migrations/:id/report', {
    config: { role: 'viewer' },
    schema: {
      tags: ['migrations'],
      operationId: 'getMigrationReport',
      summary: 'What a person signs off',
      description:
        'Per wave and station what moved and when, the gates with their figures, exceptions, rollbacks, side effects and decisions. The HTML is one file to be printed. Times in JSON are milliseconds since 1970. Sessions that began, ended, crossed the move or were handed over are counted since the first move of a wave and for as long as the migration is under way; those of a station are the ones that are open when the report is made.',
      params: migrationParams,
      querystring: reportQuery,
      response: {
        200: { description: 'The report.', content: { ...json, ...markdown, ...html } },
        ...errorAnswers,
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params as { id: string };
      const found = migrations.find(id);
      if (found === null) return sendProblem(reply, unknownMigration(id));
      const report = await makeReport(migrations, registry, found);
      if (!report.ok) return sendProblem(reply, report.fault);
      return sendReport(reply, report.value, (request.query as ReportQuery).format ?? 'json');
    },
  });
}

const pageEntries = 5_000;

async function makeReport(
  migrations: Migrations,
  registry: Registry,
  found: MigrationSnapshot,
): Promise<Result<MigrationReport, Problem>> {
  const { id, plan } = found;
  const draft = beginReport();
  for (let isMore = true; isMore;) {
    const page: Result<readonly Evidence[], MigrationFault> = await migrations.evidence(
      id,
      draft.newest,
      pageEntries,
    );
    if (!page.ok) return fail(problemOfFault(page.fault));
    readEvidence(draft, page.value);
    isMore = page.value.length === pageEntries;
  }
  const head = migrations.find(id) ?? found;
  const sessionsAt = (station: StationId, backend: string): number =>
    registry.station(station)?.backends.find((link) => link.backend === backend)?.transactions.length ?? 0;
  return ok(
    finishReport(draft, {
      head: { ...head, waves: [...head.waves] },
      stations: allStations(migrations, id),
      sessionsOf: (station) =>
        registry.station(station) === null
          ? null
          : { from: sessionsAt(station, plan.from), to: sessionsAt(station, plan.to) },
      madeAt: Date.now(),
    }),
  );
}

function allStations(migrations: Migrations, id: string): StationProgress[] {
  const stations: StationProgress[] = [];
  for (;;) {
    const last = stations.at(-1)?.station;
    const page = migrations.stations(id, {
      limit: pageStations,
      ...(last === undefined ? {} : { after: last }),
    });
    stations.push(...(page ?? []));
    if (page === null || page.length < pageStations) return stations;
  }
}

/** The file's own style is let through; everything else stays forbidden. */
const styleDigest = createHash('sha256').update(reportStyle).digest('base64');
const htmlPolicy = `default-src 'none'; style-src 'sha256-${styleDigest}'; frame-ancestors 'none'`;

function sendReport(
  reply: FastifyReply,
  report: MigrationReport,
  format: 'json' | 'markdown' | 'html',
): FastifyReply {
  switch (format) {
    case 'json':
      return reply.send(report);
    case 'markdown':
      return reply.type('text/markdown; charset=utf-8').send(markdownOf(reportDocument(report)));
    case 'html':
      return reply
        .header('content-security-policy', htmlPolicy)
        .type('text/html; charset=utf-8')
        .send(htmlOf(reportDocument(report), `Migration ${report.plan.name}`));
  }
}
