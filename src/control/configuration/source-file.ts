/**
 * A YAML file as plain values, with a report that knows its lines.
 */
import type { ProblemList, Report } from './problem.ts';
import { readBytes } from './secret-files.ts';
import { readYaml, sourceBytesMax, type Environment } from './yaml-source.ts';

/** Reads the file at `path`, which is called `name` in what is wrong with it. null: it cannot be read, and the problems say why. */
export async function readSource(
  name: string,
  path: string,
  env: Environment,
  problems: ProblemList,
): Promise<{ value: unknown; report: Report } | null> {
  const bytes = await readBytes(path, sourceBytesMax, false);
  if (!bytes.ok) {
    problems.of(name, () => null).add([], bytes.fault.what, bytes.fault.remedy);
    return null;
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.value);
  } catch {
    problems.of(name, () => null).add([], 'is not UTF-8 text', 'save it as UTF-8');
    return null;
  }
  const source = await readYaml(name, text, env, problems);
  return source.value === undefined ? null : source;
}
