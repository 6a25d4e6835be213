/**
 * Asking a person before something is done that is hard to undo.
 */
import { createInterface } from 'node:readline/promises';
import { fail, ok, type Result } from '../std/result.ts';
import type { CliIo } from './io.ts';

/** Why nothing was done: 1 where a person had second thoughts, 2 for wrong usage. */
export interface Undone {
  readonly message: string;
  readonly code: 1 | 2;
}

/**
 * Asks, unless `isSure`. `what` says what it means, without a full stop, and `verb` asks for it: "Reset can stop charging", "Send it?". Without a person at the
 * terminal it is wrong usage.
 */
export async function confirm(
  what: string,
  verb: string,
  isSure: boolean,
  io: CliIo,
): Promise<Result<null, Undone>> {
  if (isSure) return ok(null);
  if (io.stdin?.isTTY !== true) return fail({ message: `${what}; add --yes if that is meant`, code: 2 });
  io.stderr.write(`${what}. ${verb} [y/N] `);
  const lines = createInterface({ input: io.stdin, terminal: false });
  const answer = await lines[Symbol.asyncIterator]().next();
  lines.close();
  const isMeant = answer.done !== true && /^y(es)?$/i.test(answer.value.trim());
  return isMeant ? ok(null) : fail({ message: 'nothing was done', code: 1 });
}

/** Says why nothing was done, and ends with its code. */
export function sayUndone({ message, code }: Undone, io: CliIo): void {
  io.stderr.write(`${message}\n`);
  io.setExitCode(code);
}
