/**
 * What the process ends with.
 *
 * Pure. 0 done, 1 failed, 2 usage or configuration, 3 a check did not hold. Commander ends with 1 on a usage error; that is 2 here.
 */
import type { CommanderError } from 'commander';

export type ExitCode = 0 | 1 | 2 | 3;

/** Help and version that were asked for are done; everything else that commander stops for is wrong usage. */
export function exitCodeOf(error: CommanderError): ExitCode {
  return error.exitCode === 0 ? 0 : 2;
}
