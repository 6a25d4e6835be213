/**
 * The command line as its own process, against a gateway that runs somewhere.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const main = join(import.meta.dirname, '../../src/main.ts');

export interface CliRun {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

/** Runs `busbar` with these arguments and the gateway's admin address. */
export async function runCli(admin: string, ...args: readonly string[]): Promise<CliRun> {
  const child = spawn(process.execPath, [main, ...args, '--admin', admin], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { out, err, code: child.exitCode };
}
