/**
 * Plan files as the verbs read them, by a reader that comes from outside: commands know nothing of the control plane.
 */
import type { Result } from '../std/result.ts';
import type { CliIo } from './io.ts';

export interface PlanReader {
  /** Everything that is wrong with the file, one line each, or the plan as plain JSON. */
  read(file: string, env: CliIo['env']): Promise<Result<PlanJson, readonly string[]>>;
}

/** A plan, with what verbs look at themselves. */
export interface PlanJson {
  readonly to: string;
}

/** null: it was said what is wrong with the file, and the exit code is set. */
export async function readOrSay(reader: PlanReader, file: string, io: CliIo): Promise<PlanJson | null> {
  const read = await reader.read(file, io.env);
  if (read.ok) return read.value;
  io.stderr.write(`${read.fault.join('\n')}\n`);
  io.setExitCode(2);
  return null;
}
