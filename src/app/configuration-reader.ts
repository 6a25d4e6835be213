/** What the `config` verbs need of the control plane, in the shape that the command line asks for. */
import type { ConfigurationReader } from '../cli/config-verbs.ts';
import { loadConfiguration } from '../control/configuration/load.ts';
import { publishedSchema } from '../control/configuration/json-schema.ts';
import { formatProblem } from '../control/configuration/problem.ts';
import { fail, ok } from '../std/result.ts';

export const configurationReader: ConfigurationReader = {
  read: async (file, env) => {
    const loaded = await loadConfiguration(file, env);
    if (!loaded.ok) return fail(loaded.fault.map(formatProblem));
    const { settings, effective } = loaded.value;
    return ok({
      backends: settings.backends.size,
      routes: settings.routing.routes.length,
      knownStations: settings.listener.known.size,
      effective: effective(),
    });
  },
  schema: () => Promise.resolve(publishedSchema()),
};
