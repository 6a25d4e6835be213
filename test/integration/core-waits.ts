/**
 * How long a test's processes waited for a core: what they took longer is the machine's doing and nobody else's.
 *
 * Read from /proc; 0 where there is none.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

/** For how long the main threads of Busbar and of this process have waited for a core, whichever waited longer, and a core for its host, in all, milliseconds. */
export async function waitedMs(busbarPid: number): Promise<number> {
  return Math.max(...(await Promise.all([busbarPid, process.pid].map(waitOf)))) + (await stolenMs());
}

/** For how long a host has run something else than this machine, a core. */
async function stolenMs(): Promise<number> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  // The eighth figure of the first line, in hundredths of a second.
  return (Number(/^cpu(?: +\d+){7} +(\d+)/.exec(text)?.[1] ?? 0) * 10) / availableParallelism();
}

async function waitOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '0 0');
  return Number(text.split(' ')[1]) / 1e6;
}
