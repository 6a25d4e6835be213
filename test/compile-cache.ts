/**
 * Where the processes that tests start find the sources translated already. It is filled once, before the first of them.
 *
 * Node writes it when a process ends by itself, and most of those that tests start are killed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BusbarProcess } from './integration/busbar-process.ts';

const configuration = `stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends: { none: { url: "ws://127.0.0.1:1/{station}" } }
routes: [{ stations: "*", primary: none }]
`;

/** Starts Busbar and has it end by itself; the test runner calls it. */
export async function setup(): Promise<void> {
  process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'busbar-test-compile-cache');
  const folder = await mkdtemp(join(tmpdir(), 'busbar-first-'));
  const file = join(folder, 'busbar.yaml');
  await writeFile(file, configuration);
  const busbar = new BusbarProcess(file);
  await busbar.start();
  await busbar.stop('SIGTERM');
  await rm(folder, { recursive: true });
}
