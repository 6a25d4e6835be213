/**
 * `POST /config/reload`: applies the configuration file as a whole, or not at all. Audited.
 */
import type { FastifyInstance } from 'fastify';
import type { ConfigurationProblem } from '../control/configuration/problem.ts';
import type { Log } from '../ports/log.ts';
import type { Result } from '../std/result.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { makeChange, type ChangeMade, type Changer } from './change.ts';
import { problem, type ProblemItem } from './problem.ts';
import { noQuery, reasonBody, type ReasonBody } from './schemas.ts';
import { sendProblem } from './server.ts';

/** What a reload did; `before` and `after` sum up the configuration for the audit. */
export interface ReloadMade {
  readonly changed: boolean;
  readonly before: unknown;
  readonly after: unknown;
}

/** Why nothing was applied. */
export type ReloadFault =
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigurationProblem[] }
  | { readonly kind: 'shutting_down' };

/** What became of a reload; on a fault nothing has changed. */
export type Reloaded = Result<ReloadMade, ReloadFault>;

/** Reads the file again and applies it. */
export type Reload = () => Promise<Reloaded>;

export function addConfigRoutes(app: FastifyInstance, reload: Reload, changer: Changer): void {
  app.post('/api/v1/config/reload', {
    config: { role: 'admin', changes: true },
    schema: {
      tags: ['configuration'],
      operationId: 'reloadConfiguration',
      summary: 'Apply the configuration file anew',
      description: 'As a whole or not at all. Links that need not move stay up.',
      querystring: noQuery,
      body: reasonBody,
      response: { 200: jsonAnswer('It is in force.', 'Reloaded'), ...errorAnswers },
    },
    handler: async (request, reply) => {
      const { reason } = request.body as ReasonBody;
      const change = { action: 'config.reload', target: null, request: null, reason };
      return makeChange(changer, request, reply, change, async () =>
        madeOf(await reload(), reason, request.caller?.name, changer.log),
      );
    },
  });
}

function madeOf(reloaded: Reloaded, reason: string, by: string | undefined, log: Log): ChangeMade {
  if (reloaded.ok) {
    const { changed, before, after } = reloaded.value;
    log.info('config_reloaded', { by, reason, outcome: changed ? 'changed' : 'unchanged' });
    return {
      outcome: { outcome: 'done', detail: null, before, after },
      send: (reply) => reply.send({ changed }),
    };
  }
  if (reloaded.fault.kind === 'shutting_down') {
    log.warn('config_reload_refused', { by, reason, outcome: 'refused', problem: shuttingDown });
    return {
      outcome: { outcome: 'refused', detail: shuttingDown, before: null, after: null },
      send: (reply) => sendProblem(reply, problem('shutting-down', shuttingDown)),
    };
  }
  const { problems } = reloaded.fault;
  log.warn('config_reload_refused', { by, reason, outcome: 'refused', problems: problems.length });
  const items = problems.map(itemOf);
  const reasons = items.map(({ where, reason: why }) => `${where}: ${why}`).join('; ');
  const detail = `Nothing was applied; what ran before still runs. ${reasons}`;
  return {
    outcome: { outcome: 'refused', detail: reasons.slice(0, detailCharactersMax), before: null, after: null },
    send: (reply) => sendProblem(reply, problem('invalid-configuration', detail, items)),
  };
}

/** To whoever asked for a reload too late. */
export const shuttingDown =
  'Busbar is shutting down, so nothing was applied; the next start reads the file as it is then.';

/** A file can have very many problems; the answer has them all. */
const detailCharactersMax = 4_096;

function itemOf({ file, line, key, text }: ConfigurationProblem): ProblemItem {
  const place = line === null ? file : `${file}:${line}`;
  return { where: key === '' ? place : `${place}: ${key}`, reason: text };
}
