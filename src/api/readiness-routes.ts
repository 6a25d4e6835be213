/**
 * `POST /stations/{id}/readiness`: whether a station could be moved to a backend now, found out by telling that backend of it.
 *
 * Nothing is sent to the station. A backend that was told of it for this question alone is told nothing more afterwards.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AssignmentMade } from '../ports/assignments.ts';
import type { StationBackendSnapshot, StationSnapshot } from '../ports/registry.ts';
import type { StationId } from '../protocol/station-id.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { readWait, type AssignmentPorts } from './assignment-routes.ts';
import { makeChange } from './change.ts';
import {
  readinessBody,
  readinessQuery,
  type Readiness,
  type ReadinessBody,
  type ReadinessQuery,
} from './migration-schemas.ts';
import { stationParams } from './schemas.ts';
import { sendProblem } from './server.ts';
import { readStationId, unknownStation } from './station-routes.ts';

const waitDefaultMs = 30_000;
const lookMs = 100;

export function addReadinessRoutes(app: FastifyInstance, ports: AssignmentPorts): void {
  app.post('/api/v1/stations/:id/readiness', {
    config: { role: 'operator', changes: true },
    schema: {
      tags: ['stations'],
      operationId: 'checkReadiness',
      summary: 'Whether a station could be moved to a backend now',
      description:
        'The backend is told of the station, as an observer would be, and nothing is sent to the station. If that was for this question alone, its link is closed again. Audited before it is done.',
      params: stationParams,
      querystring: readinessQuery,
      body: readinessBody,
      response: { 200: jsonAnswer('Whether, and why not.', 'Readiness'), ...errorAnswers },
    },
    handler: async (request, reply) => {
      const id = readStationId((request.params as { id: string }).id, 'path.id');
      if (!id.ok) return sendProblem(reply, id.fault);
      const { registry, assignments, migrations, changer } = ports;
      if (registry.station(id.value) === null) return sendProblem(reply, unknownStation(id.value));
      const waitMs = readWait((request.query as ReadinessQuery).wait, waitDefaultMs);
      if (!waitMs.ok) return sendProblem(reply, waitMs.fault);
      const { backend, reason = null } = request.body as ReadinessBody;
      const change = { action: 'station.check', target: id.value, request: { backend }, reason };
      return makeChange(changer, request, reply, change, async () => {
        const asked = { registry, assignments, migrations, station: id.value, backend };
        const readiness = await findOut({ ...asked, waitMs: waitMs.value, caller: reply });
        return {
          outcome: { outcome: 'done', detail: readiness.reason, before: null, after: readiness },
          send: (to) => to.send(readiness),
        };
      });
    },
  });
}

interface Asked extends Omit<AssignmentPorts, 'changer'> {
  readonly station: StationId;
  readonly backend: string;
  readonly waitMs: number;
  /** Once it is gone, nobody waits for the answer any more. */
  readonly caller: FastifyReply;
}

async function findOut(asked: Asked): Promise<Readiness> {
  const { registry, assignments, station, backend, waitMs, caller } = asked;
  const begunMs = performance.now();
  const attached = await assignments.decide(station, { do: 'attach', backend });
  const isOfUs = attached.kind === 'done' && attached.isChanged;
  // A station that is away cannot be told of, and nothing is waited for.
  const isTold = attached.kind === 'done' && registry.station(station)?.connected === true;
  const untilMs = isTold ? begunMs + waitMs : begunMs;
  while (performance.now() < untilMs && !caller.raw.destroyed) {
    if (linkOf(registry.station(station), backend)?.state === 'synced') break;
    await pause(lookMs);
  }
  const seen = registry.station(station);
  const why = whyNot(attached, seen, linkOf(seen, backend), backend);
  const readiness: Readiness = {
    station,
    backend,
    ready: why === null,
    reason: why,
    state: linkOf(seen, backend)?.state ?? null,
    openTransactions: linkOf(seen, seen?.primary ?? null)?.transactions.length ?? 0,
    tookMs: Math.round(performance.now() - begunMs),
  };
  // A migration may have wanted it meanwhile, and found it done.
  const claim = asked.migrations.claimOf(station);
  const isWantedElsewhere = claim !== null && claim.progress.attached !== 'no';
  if (isOfUs && !isWantedElsewhere) await assignments.decide(station, { do: 'detach', backend });
  return readiness;
}

function linkOf(station: StationSnapshot | null, backend: string | null): StationBackendSnapshot | null {
  return station?.backends.find((link) => link.backend === backend) ?? null;
}

/** null: it could be moved. */
function whyNot(
  attached: AssignmentMade,
  station: StationSnapshot | null,
  link: StationBackendSnapshot | null,
  backend: string,
): string | null {
  if (attached.kind === 'refused') return attached.detail;
  if (station?.primary === backend) return null;
  if (station?.connected !== true) return 'The station is not connected.';
  if (link?.state === 'synced') return null;
  const error = link?.lastError ?? null;
  const how = link?.state ?? 'not told of it yet';
  return `${backend} does not know the station: it is ${how}${error === null ? '' : ` (${error})`}.`;
}
