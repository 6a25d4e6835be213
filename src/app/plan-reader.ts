/** What the `migration` verbs need of the control plane, in the shape that the command line asks for. */
import type { PlanReader } from '../cli/plan-file.ts';
import { formatProblem } from '../control/configuration/problem.ts';
import { readPlanFile } from '../control/migration-plan/read-plan.ts';
import { fail, ok } from '../std/result.ts';

export const planReader: PlanReader = {
  read: async (file, env) => {
    const read = await readPlanFile(file, env);
    return read.ok ? ok(read.value.written) : fail(read.fault.map(formatProblem));
  },
};
