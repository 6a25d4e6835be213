/**
 * `POST /config/reload`: applies the configuration file as a whole, or not at all.
 *
 * Every attempt is one audit line: who, why, and what came of it.
 */
import type { FastifyInstance } from 'fastify';
import type { ConfigurationProblem } from '../control/configuration/problem.ts';
import type { Log } from '../ports/log.ts';
import type { Result } from '../std/result.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { problem, type ProblemItem } from './problem.ts';
import { noQuery, reloadBody } from './schemas.ts';
import { sendProblem } from './server.ts';

/** Reads the file again and applies it. On a fault nothing has changed. */
export type Reload = () => Promise<Result<{ readonly changed: boolean }, readonly ConfigurationProblem[]>>;

export function addConfigRoutes(app: FastifyInstance, reload: Reload, log: Log): void {
  app.post('/api/v1/config/reload', {
    config: { role: 'admin' },
    schema: {
      tags: ['configuration'],
      operationId: 'reloadConfiguration',
      summary: 'Apply the configuration file anew',
      description: 'As a whole or not at all. Links that need not move stay up.',
      querystring: noQuery,
      body: reloadBody,
      response: { 200: jsonAnswer('It is in force.', 'Reloaded'), ...errorAnswers },
    },
    handler: async (request, reply) => {
      const { reason } = request.body as { reason: string };
      const by = request.caller?.name;
      const outcome = await reload();
      if (outcome.ok) {
        log.info('config_reloaded', { by, reason, outcome: outcome.value.changed ? 'changed' : 'unchanged' });
        return reply.send(outcome.value);
      }
      log.warn('config_reload_refused', { by, reason, outcome: 'refused', problems: outcome.fault.length });
      const items = outcome.fault.map(itemOf);
      const reasons = items.map(({ where, reason: why }) => `${where}: ${why}`).join('; ');
      const detail = `Nothing was applied; what ran before still runs. ${reasons}`;
      return sendProblem(reply, problem('invalid-configuration', detail, items));
    },
  });
}

function itemOf({ file, line, key, text }: ConfigurationProblem): ProblemItem {
  const place = line === null ? file : `${file}:${line}`;
  return { where: key === '' ? place : `${place}: ${key}`, reason: text };
}
