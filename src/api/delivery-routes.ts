/**
 * `GET /deliveries`, `GET /deliveries/{id}`, `POST /deliveries/{id}/retry|drop`: what is held for backends, and what operators decide about it.
 *
 * Texts are shown as frames are, to whoever may read those. The audit gets a delivery without its text: tokens do not belong there.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditOutcome } from '../ports/audit.ts';
import type {
  DecisionMade,
  Deliveries,
  DeliveryDecision,
  DeliveryFilter,
  DeliveryKey,
  DeliverySnapshot,
} from '../ports/deliveries.ts';
import type { Registry } from '../ports/registry.ts';
import { checkStationId, type StationId } from '../protocol/station-id.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { isoTime } from '../std/iso-time.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { makeChange, type ChangeMade, type Changer } from './change.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { readPosition } from './frame-routes.ts';
import { problem, type Problem, type ProblemName } from './problem.ts';
import { deliveryParams, deliveryQuery, type Delivery, type DeliveryQuery } from './delivery-schemas.ts';
import {
  listLimitDefault,
  noQuery,
  reasonBody,
  optionalReasonBody,
  type OptionalReasonBody,
} from './schemas.ts';
import { sendProblem } from './server.ts';
import { readStationId, unknownStation } from './station-routes.ts';
import { unknownBackend } from './unknown-name.ts';

const listName = 'deliveries';

export interface DeliveryRoutesOptions {
  readonly deliveries: Deliveries;
  readonly registry: Registry;
  readonly changer: Changer;
}

export function addDeliveryRoutes(
  app: FastifyInstance,
  { deliveries, registry, changer }: DeliveryRoutesOptions,
): void {
  app.get('/api/v1/deliveries', {
    config: { role: 'viewer' },
    schema: {
      tags: ['deliveries'],
      operationId: 'listDeliveries',
      summary: 'What is held for backends, oldest first',
      description:
        'Messages that Busbar answered while a backend was down (`whenDown: cover`), and that it has not got yet. What waits behind a parked message of its transaction counts as parked, and says so in `behind`. A page may hold fewer than `limit` where the texts are long; go on until `nextCursor` is null.',
      querystring: deliveryQuery,
      response: { 200: jsonAnswer('A page of deliveries.', 'DeliveryPage'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const filter = readFilter(request.query as DeliveryQuery);
      if (!filter.ok) return sendProblem(reply, filter.fault);
      const { items, hasMore } = deliveries.list(filter.value);
      const wrong =
        items.length === 0 ? wrongNameOf(deliveries, registry, request.query as DeliveryQuery) : null;
      if (wrong !== null) return sendProblem(reply, wrong);
      const last = items.at(-1);
      const nextCursor = hasMore && last !== undefined ? encodeCursor(listName, idOf(last)) : null;
      return reply.send({ items: items.map(presentDelivery), nextCursor });
    },
  });
  app.get('/api/v1/deliveries/:id', {
    config: { role: 'viewer' },
    schema: {
      tags: ['deliveries'],
      operationId: 'getDelivery',
      summary: 'One of them',
      params: deliveryParams,
      querystring: noQuery,
      response: { 200: jsonAnswer('The delivery.', 'Delivery'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const { id } = request.params as { id: string };
      const key = readId(id);
      const found = key === null ? null : deliveries.find(key);
      return found === null ? sendProblem(reply, unknownDelivery(id)) : reply.send(presentDelivery(found));
    },
  });
  app.post('/api/v1/deliveries/:id/retry', {
    config: { role: 'operator', changes: true },
    schema: {
      tags: ['deliveries'],
      operationId: 'retryDelivery',
      summary: 'Send it again as if it had never been refused',
      description:
        '409: its backend has it and has not answered, or it waits behind another of its transaction, which is to be decided about first. Audited before it is done.',
      params: deliveryParams,
      querystring: noQuery,
      body: optionalReasonBody,
      response: { 200: jsonAnswer('How it stands now.', 'DeliveryDecided'), ...errorAnswers },
    },
    handler: (request, reply) => decide(deliveries, changer, request, reply, 'retry'),
  });
  app.post('/api/v1/deliveries/:id/drop', {
    config: { role: 'operator', changes: true },
    schema: {
      tags: ['deliveries'],
      operationId: 'dropDelivery',
      summary: 'Give it up: its backend never gets it',
      description:
        'It cannot be undone; the answer holds the message once more. What waits behind it may leave then. 409: its backend has it and has not answered. Audited before it is done.',
      params: deliveryParams,
      querystring: noQuery,
      body: reasonBody,
      response: { 200: jsonAnswer('How it stood.', 'DeliveryDecided'), ...errorAnswers },
    },
    handler: (request, reply) => decide(deliveries, changer, request, reply, 'drop'),
  });
}

async function decide(
  deliveries: Deliveries,
  changer: Changer,
  request: FastifyRequest,
  reply: FastifyReply,
  decision: DeliveryDecision,
): Promise<FastifyReply> {
  const { id } = request.params as { id: string };
  const key = readId(id);
  if (key === null || deliveries.find(key) === null) return sendProblem(reply, unknownDelivery(id));
  const { reason = null } = request.body as OptionalReasonBody;
  const change = { action: `delivery.${decision}`, target: key.station, request: { id }, reason };
  return makeChange(changer, request, reply, change, async () => {
    const made = await deliveries.decide(key, decision);
    const outcome = auditOf(made);
    changer.log.info('delivery_decided', {
      station: key.station,
      number: key.number,
      backend: made.before?.backend,
      decision,
      by: request.caller?.name,
      reason,
      outcome: outcome.outcome,
      detail: outcome.detail,
    });
    return { outcome, send: answerOf(made, decision) };
  });
}

function answerOf(made: DecisionMade, decision: DeliveryDecision): ChangeMade['send'] {
  if (made.kind === 'refused') return (to) => sendProblem(to, problem(refusals[made.reason], made.detail));
  const shown = made.after ?? made.before;
  const delivery = shown === null ? null : presentDelivery(shown);
  return (to) => to.send({ outcome: decision === 'retry' ? 'retried' : 'dropped', delivery });
}

type RefusalReason = Extract<DecisionMade, { kind: 'refused' }>['reason'];

const refusals: Readonly<Record<RefusalReason, ProblemName>> = {
  unknown: 'unknown-delivery',
  on_its_way: 'delivery-on-its-way',
  behind: 'delivery-behind',
  journal_failing: 'storage-failing',
  unknown_outcome: 'decision-unsettled',
  too_many_stations: 'too-many-stations',
};

function auditOf(made: DecisionMade): AuditOutcome {
  const before = audited(made.before);
  const after = audited(made.after);
  if (made.kind === 'done') return { outcome: 'done', detail: null, before, after };
  const outcome = made.reason === 'unknown_outcome' ? 'failed' : 'refused';
  return { outcome, detail: made.detail, before, after };
}

function audited(snapshot: DeliverySnapshot | null): Omit<Delivery, 'text'> | null {
  if (snapshot === null) return null;
  const { text: _, ...rest } = presentDelivery(snapshot);
  return rest;
}

function presentDelivery(snapshot: DeliverySnapshot): Delivery {
  const { station, backend, state, action, transaction, since, attempts, lastError } = snapshot;
  const { possiblyDuplicate, behind, text } = snapshot;
  return {
    id: idOf(snapshot),
    station,
    backend,
    state,
    action,
    transaction,
    since: isoTime(since),
    attempts,
    lastError,
    possiblyDuplicate,
    behind: behind === null ? null : idOf({ station, number: behind }),
    text,
  };
}

/** An identity has no colon. */
function idOf({ station, number }: DeliveryKey): string {
  return `${station}:${number}`;
}

function readId(id: string): DeliveryKey | null {
  const colon = id.indexOf(':');
  const station = checkStationId(id.slice(0, Math.max(0, colon)));
  const number = readPosition(id.slice(colon + 1));
  return station.ok && number !== null ? { station: station.value, number } : null;
}

function readFilter({
  state,
  backend,
  station,
  after,
  limit = listLimitDefault,
}: DeliveryQuery): Result<DeliveryFilter, Problem> {
  let only: StationId | null = null;
  if (station !== undefined) {
    const id = readStationId(station, 'query.station');
    if (!id.ok) return id;
    only = id.value;
  }
  const id = after === undefined ? ok('') : decodeCursor(listName, after);
  const key = id.ok && after !== undefined ? readId(id.value) : null;
  if (after !== undefined && key === null) {
    const reason = 'must be the nextCursor of a page of this list';
    return fail(problem('invalid-request', `query.after ${reason}`, [{ where: 'query.after', reason }]));
  }
  return ok({
    limit,
    ...(state === undefined ? {} : { state }),
    ...(backend === undefined ? {} : { backend }),
    ...(only === null ? {} : { station: only }),
    ...(key === null ? {} : { after: key }),
  });
}

/** Nothing was found by it: for a backend that is no longer configured messages may be held all the same. */
function wrongNameOf(
  deliveries: Deliveries,
  registry: Registry,
  { backend, station }: DeliveryQuery,
): Problem | null {
  if (backend !== undefined && !deliveries.heldByBackend().has(backend)) {
    const wrong = unknownBackend(registry, backend);
    if (wrong !== null) return wrong;
  }
  const isStation = station === undefined || registry.station(station as StationId) !== null;
  return isStation ? null : unknownStation(station);
}

function unknownDelivery(id: string): Problem {
  return problem(
    'unknown-delivery',
    `Nothing is held as ${id}: its backend has it, it was dropped, or it never was.`,
  );
}
