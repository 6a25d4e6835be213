/**
 * The verbs of a running gateway as part of the program, in this process: what they print, and their exit code.
 */
import { Readable, Writable } from 'node:stream';
import type { CliIo } from '../../src/cli/io.ts';
import { createProgram, runProgram, type Verbs } from '../../src/cli/program.ts';

export interface VerbsRun {
  out: string;
  err: string;
  code: number;
}

export interface VerbsGiven {
  readonly env?: CliIo['env'];
  readonly signal?: AbortSignal;
  /** `isTTY`: a person types it. */
  readonly stdin?: { readonly text: string; readonly isTTY: boolean };
  /** Handed over before anything runs, and filled while it does. */
  readonly onRun?: (run: VerbsRun) => void;
}

const none = () => Promise.resolve(0 as const);

/** Runs `busbar` with these arguments, in a program that has these verbs alone. */
export async function runVerbs(
  add: Verbs['add'],
  args: readonly string[],
  { env = {}, signal, stdin, onRun }: VerbsGiven = {},
): Promise<VerbsRun> {
  const run: VerbsRun = { out: '', err: '', code: 0 };
  onRun?.(run);
  const into = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        run[name] += chunk.toString('utf8');
        done();
      },
    });
  const io: CliIo = {
    stdout: into('out'),
    stderr: into('err'),
    env,
    setExitCode: (code) => {
      run.code = code;
    },
    ...(stdin === undefined
      ? {}
      : { stdin: Object.assign(Readable.from([stdin.text]), { isTTY: stdin.isTTY }) }),
    ...(signal === undefined ? {} : { signal }),
  };
  const program = createProgram(io, '0.0.0', {
    serve: none,
    demo: none,
    simulateStations: none,
    simulateBackend: none,
    configuration: {
      read: () => Promise.resolve({ ok: false, fault: [] }),
      schema: () => Promise.resolve({}),
    },
    add,
  });
  await runProgram(program, io, args);
  return run;
}

/** What a person types at the terminal. */
export function typed(text: string): VerbsGiven {
  return { stdin: { text, isTTY: true } };
}
