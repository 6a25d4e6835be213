/**
 * `POST /stations/{id}/commands`: an operator's command to a station, answered with what the station answered.
 */
import type { FastifyInstance } from 'fastify';
import { redact } from '../core/commands/redact.ts';
import { strikeWords, struckOut } from '../core/commands/strike-words.ts';
import type { AuditOutcome } from '../ports/audit.ts';
import type { Registry } from '../ports/registry.ts';
import type { CommandOutcome, CommandRefusal, StationCommander } from '../ports/station-commander.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { makeChange, type Changer } from './change.ts';
import { problem, type ProblemItem, type ProblemName } from './problem.ts';
import { commandBody, noQuery, stationParams, type CommandBody } from './schemas.ts';
import { sendProblem } from './server.ts';
import { readStationId, unknownStation } from './station-routes.ts';

/** A local list or a set of charging profiles takes more than a reason does; what a station takes is bounded besides. */
const commandBytesMax = 256 * 1024;

export function addCommandRoutes(
  app: FastifyInstance,
  registry: Registry,
  commander: StationCommander,
  changer: Changer,
): void {
  app.post('/api/v1/stations/:id/commands', {
    config: { role: 'operator', changes: true },
    bodyLimit: commandBytesMax,
    schema: {
      tags: ['stations'],
      operationId: 'commandStation',
      summary: 'Send a command to a station and wait for its answer',
      description:
        'It waits its turn among the commands of the backends. 403: Busbar forbids it. 409: the station is not connected, and did not come back within the five seconds that it is waited for. 502: the station answered with an error, whose code and description are in `errors`. 503: too many commands wait. 504: no answer came (`no-answer`: the station may have done it), or its turn did not come in time (`command-expired`: it was not sent). Audited before it is sent.',
      params: stationParams,
      querystring: noQuery,
      body: commandBody,
      response: { 200: jsonAnswer('The station’s answer.', 'CommandResult'), ...errorAnswers },
    },
    handler: async (request, reply) => {
      const id = readStationId((request.params as { id: string }).id, 'path.id');
      if (!id.ok) return sendProblem(reply, id.fault);
      if (registry.station(id.value) === null) return sendProblem(reply, unknownStation(id.value));
      const { action, payload = {}, reason = null } = request.body as CommandBody;
      const change = {
        action: 'station.command',
        target: id.value,
        request: { action, payload: JSON.parse(redact(action, JSON.stringify(payload))) as unknown },
        reason,
      };
      return makeChange(changer, request, reply, change, async () => {
        const text = JSON.stringify(payload);
        const came = await commander.command({ station: id.value, action, payload: text });
        const outcome = readable(discreet(action, text, came));
        const audited = auditOf(action, outcome);
        changer.log.info('station_commanded', {
          station: id.value,
          action,
          by: request.caller?.name,
          reason,
          outcome: audited.outcome,
          detail: audited.detail,
        });
        return {
          outcome: audited,
          send: (to) =>
            outcome.kind === 'result'
              ? // The station's own text: reading and writing it anew would change its numbers.
                to.type('application/json; charset=utf-8').send(`{"result":${outcome.payload}}`)
              : sendProblem(to, problem(problemOf(outcome), detailOf(outcome), errorsOf(outcome))),
        };
      });
    },
  });
}

/** An answer that is no JSON object would make ours another than is promised, and says nothing of what was done. */
function readable(outcome: CommandOutcome): CommandOutcome {
  if (outcome.kind !== 'result' || isObject(outcome.payload)) return outcome;
  return { kind: 'error', code: 'FormationViolation', description: 'its answer is no JSON object' };
}

/** The audit and the log keep what a station says of an error, and it may repeat what it was sent. */
function discreet(action: string, payload: string, outcome: CommandOutcome): CommandOutcome {
  if (outcome.kind !== 'error' || outcome.description === '') return outcome;
  const isOfSecret = redact(action, payload) !== payload;
  return { ...outcome, description: isOfSecret ? struckOut : strikeWords(outcome.description) };
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

type Failure = Exclude<CommandOutcome, { kind: 'result' }>;

const refusals: Readonly<Record<CommandRefusal, ProblemName>> = {
  not_connected: 'not-connected',
  forbidden: 'command-forbidden',
  queue_full: 'station-busy',
  expired: 'command-expired',
  unknown_outcome: 'no-answer',
};

function problemOf(outcome: Failure): ProblemName {
  return outcome.kind === 'error' ? 'station-error' : refusals[outcome.reason];
}

/** What the station said, for programs. */
function errorsOf(outcome: Failure): readonly ProblemItem[] | undefined {
  if (outcome.kind === 'refused') return undefined;
  return [
    { where: 'station.errorCode', reason: outcome.code },
    { where: 'station.errorDescription', reason: outcome.description },
  ];
}

function detailOf(outcome: Failure): string {
  if (outcome.kind === 'refused') return outcome.detail;
  const { code, description } = outcome;
  const said = `The station answered ${code}${description === '' ? '' : `: ${description}`}`;
  return /[.!?]$/.test(said) ? said : `${said}.`;
}

function auditOf(action: string, outcome: CommandOutcome): AuditOutcome {
  if (outcome.kind === 'result')
    return {
      outcome: 'done',
      detail: null,
      before: null,
      after: JSON.parse(redact(action, outcome.payload)),
    };
  const isUnsent = outcome.kind === 'refused' && outcome.reason !== 'unknown_outcome';
  return { outcome: isUnsent ? 'refused' : 'failed', detail: detailOf(outcome), before: null, after: null };
}
