/**
 * `GET /stations`, `GET /stations/{id}`: what the gateway knows of its stations now.
 *
 * Read-only, over the registry's snapshots. The list is ordered by identity, so a page stays where it was while stations come and go.
 */
import type { FastifyInstance } from 'fastify';
import { strikeAddresses } from '../core/commands/strike-words.ts';
import { matchesPattern } from '../core/routing/pattern.ts';
import type { PlacementSnapshot } from '../ports/assignments.ts';
import type { Registry, StationSnapshot } from '../ports/registry.ts';
import { checkStationId, type StationId, type StationIdFault } from '../protocol/station-id.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { presentObjects } from './placed-presented.ts';
import { problem, type Problem } from './problem.ts';
import {
  listLimitDefault,
  noQuery,
  stationParams,
  stationQuery,
  type Station,
  type StationPage,
  type StationQuery,
} from './schemas.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { sendProblem } from './server.ts';
import { unknownBackend, unknownGroup } from './unknown-name.ts';

const listName = 'stations';

export function addStationRoutes(app: FastifyInstance, registry: Registry): void {
  app.get('/api/v1/stations', {
    config: { role: 'viewer' },
    schema: {
      tags: ['stations'],
      operationId: 'listStations',
      summary: 'Stations, by identity',
      querystring: stationQuery,
      response: { 200: jsonAnswer('A page of stations.', 'StationPage'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const page = listStations(registry, request.query as StationQuery);
      return page.ok ? reply.send(page.value) : sendProblem(reply, page.fault);
    },
  });
  app.get('/api/v1/stations/:id', {
    config: { role: 'viewer' },
    schema: {
      tags: ['stations'],
      operationId: 'getStation',
      summary: 'One station',
      params: stationParams,
      querystring: noQuery,
      response: { 200: jsonAnswer('The station.', 'Station'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const id = readStationId((request.params as { id: string }).id, 'path.id');
      if (!id.ok) return sendProblem(reply, id.fault);
      const station = registry.station(id.value);
      return station === null
        ? sendProblem(reply, unknownStation(id.value))
        : reply.send(presentStation(station));
    },
  });
}

/** One page of the stations that meet every condition given. */
function listStations(registry: Registry, query: StationQuery): Result<StationPage, Problem> {
  const after = query.cursor === undefined ? ok('') : decodeCursor(listName, query.cursor);
  if (!after.ok) return fail(badCursor());
  const limit = query.limit ?? listLimitDefault;
  const matching = [...registry.stations()].filter(
    (station) => station.id > after.value && meets(station, query),
  );
  matching.sort((left, right) => (left.id < right.id ? -1 : 1));
  const items = matching.slice(0, limit);
  const wrong = items.length === 0 ? wrongNameOf(registry, query) : null;
  if (wrong !== null) return fail(wrong);
  const last = items.at(-1);
  const nextCursor = matching.length > limit && last !== undefined ? encodeCursor(listName, last.id) : null;
  return ok({ items: items.map(presentStation), nextCursor });
}

/** Nothing was found by it: a backend that is no longer configured may still have to do with stations. */
function wrongNameOf(registry: Registry, { backend, group }: StationQuery): Problem | null {
  const wrongBackend = backend === undefined ? null : unknownBackend(registry, backend);
  return wrongBackend ?? (group === undefined ? null : unknownGroup(registry, group));
}

/** Reads an identity that a caller gave. `where` is where it stood. */
export function readStationId(text: string, where: string): Result<StationId, Problem> {
  const checked = checkStationId(text);
  if (checked.ok) return checked;
  const reason = identityFaults[checked.fault];
  return fail(problem('invalid-request', `${where} ${reason}`, [{ where, reason }]));
}

export function unknownStation(id: string): Problem {
  return problem('unknown-station', `No station ${id} has ever connected and none is configured.`);
}

export function badCursor(): Problem {
  const reason = 'must be the nextCursor of a page of this list, in the same order';
  return problem('invalid-request', `query.cursor ${reason}`, [{ where: 'query.cursor', reason }]);
}

const identityFaults: Readonly<Record<StationIdFault, string>> = {
  missing: 'must not be empty',
  bad_encoding: 'is not percent-encoded correctly',
  has_colon: 'must not hold a colon (OCPP 2.1 Part 4 §3.1.1)',
  bad_character: 'may hold letters, digits and * - _ = + | @ . only',
  too_long: 'may have 48 characters',
};

function presentStation({ objects, placing: _placing, ...station }: StationSnapshot): Station {
  return {
    ...station,
    tags: [...station.tags],
    ...presentObjects(objects),
    placement: presentPlacement(station.placement),
    backends: station.backends.map((backend) => ({
      ...backend,
      // What it asked for may be an address with its password.
      asked: backend.asked.map((setting) => ({ ...setting, value: strikeAddresses(setting.value) })),
      transactions: backend.transactions.map((transaction) => ({ ...transaction })),
    })),
    recentCommands: station.recentCommands.map((command) => ({ ...command })),
  };
}

export function presentPlacement(placement: PlacementSnapshot | null): Station['placement'] {
  if (placement === null) return null;
  const { observers, ready } = placement;
  return {
    ...placement,
    observers:
      observers?.map(({ backend, receives, commands }) => ({
        backend,
        receives: [...receives],
        commands: [...commands],
      })) ?? null,
    ready: ready.map(({ backend, until }) => ({ backend, until })),
  };
}

function meets(station: StationSnapshot, query: StationQuery): boolean {
  if (query.connected !== undefined && station.connected !== query.connected) return false;
  if (query.group !== undefined && station.group !== query.group) return false;
  if (
    query.vendor !== undefined &&
    (station.vendor === null || !matchesPattern(query.vendor, station.vendor))
  )
    return false;
  if (query.backend !== undefined && !station.backends.some(({ backend }) => backend === query.backend))
    return false;
  return query.q === undefined || mentions(station, query.q.toLowerCase());
}

function mentions(station: StationSnapshot, part: string): boolean {
  const { id, vendor, model, firmware, site, tags } = station;
  return [id, vendor, model, firmware, site, ...tags].some(
    (text) => text?.toLowerCase().includes(part) ?? false,
  );
}
