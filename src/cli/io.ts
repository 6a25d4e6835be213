/**
 * What a command may touch of the process it runs in, so that tests run commands inside their own.
 *
 * Results go to `stdout`, talk to `stderr`.
 */
import type { Readable, Writable } from 'node:stream';

export interface CliIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Absent: nothing can be read, and nobody asked. `isTTY`: a person is there. */
  readonly stdin?: Readable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** 0 done, 1 failed, 2 usage or configuration, 3 a check did not hold. */
  readonly setExitCode: (code: 0 | 1 | 2 | 3) => void;
  /** Ends commands that run until they are told to stop. Absent: they run until the process is ended. */
  readonly signal?: AbortSignal;
}
