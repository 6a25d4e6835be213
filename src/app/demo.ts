/**
 * `busbar demo`: the main job, live, in under a minute, and proved.
 *
 * A real Busbar with a real configuration file, simulated backends and a simulated mixed fleet on real sockets. It reloads the certificates under open links, lets a third
 * backend listen in, takes both backends away under transactions, one of them stood in for, moves the fleet of one to the other and part of it back, and drains. What it says was verified comes from the ledgers of stations and backends and from the journal, not from Busbar's own counters.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExitCode } from '../cli/exit-code.ts';
import type { CliIo } from '../cli/io.ts';
import type { DemoOptions } from '../cli/program.ts';
import { describeViolations } from '../testkit/checkers.ts';
import { until } from '../testkit/until.ts';
import { observerName, openDemoWorld, type DemoWorld, type KnownTransaction } from './demo-world.ts';
import { showMigration } from './demo-migration.ts';
import { verifyDemo } from './demo-verdict.ts';

/** How long the fleet is watched between two things that happen to it. */
const watchMs = 4_000;
/** How long the backends are away: long enough for sessions that begin and end meanwhile. */
const outageMs = 6_000;

export async function demo(options: DemoOptions, io: CliIo): Promise<ExitCode> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-demo-'));
  const say = (line: string): void => void io.stdout.write(`${line}\n`);
  const interruption = removeWhenInterrupted(folder);
  const world = await openDemoWorld(folder);
  try {
    const { code, reportFiles } = await show(world, folder, say);
    if (!options.once) await stayUp(world, reportFiles, say, io.signal, interruption);
    return code;
  } finally {
    await world.close();
    await rm(folder, { recursive: true, force: true });
    interruption.release();
  }
}

interface Interruption {
  /** Signals have their usual effect again, or that of whoever listens for them. */
  release(): void;
}

/** Removes the folder, a journal and private keys, when the process is told to end or ends before the demo does; it then ends as it would have. */
function removeWhenInterrupted(folder: string): Interruption {
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  const onSignal = (signal: NodeJS.Signals): void => {
    release();
    remove();
    process.kill(process.pid, signal);
  };
  const release = (): void => {
    for (const signal of endSignals) process.off(signal, onSignal);
    process.off('exit', remove);
  };
  for (const signal of endSignals) process.once(signal, onSignal);
  process.once('exit', remove);
  return { release };
}

const endSignals = ['SIGINT', 'SIGTERM'] as const;

async function show(
  world: DemoWorld,
  folder: string,
  say: (line: string) => void,
): Promise<{ code: ExitCode; reportFiles: readonly string[] }> {
  say(
    `Busbar listens for stations at ${world.stationUrl} and answers at ${world.busbar.adminUrl}/api/v1/stations.`,
  );
  say('Stations whose identity starts with N belong to the backend "new", all others to "old".');
  world.connect();
  const { stations } = world;
  await until('every station is connected', () => world.connectedCount() === stations.length, 30_000);
  say(`${stations.length} stations are connected, with OCPP ${world.versionCounts()}.`);
  await world.live(watchMs);
  say(`They live: ${world.lifeLine()}.`);

  const linksBefore = world.linkCount();
  const serialBefore = await world.servedSerial();
  await world.renewCertificates();
  const serialAfter = await world.servedSerial();
  await world.live(watchMs);
  const isReloadClean = serialBefore !== serialAfter && world.linkCount() === linksBefore;
  say(
    isReloadClean
      ? 'The certificates were renewed: new handshakes get the new one, and no open link was dropped.'
      : `The certificates were renewed, but not unnoticed: serial ${serialBefore} then ${serialAfter}, links ${linksBefore} then ${world.linkCount()}.`,
  );

  await world.attachObserver();
  const isAttachClean = world.linkCount() === linksBefore;
  say(
    isAttachClean
      ? `A third backend, "${observerName}", listens in since a reload: it was told of every station, and no open link was dropped.`
      : `A third backend, "${observerName}", listens in, but not unnoticed: links ${linksBefore} then ${world.linkCount()}.`,
  );
  for (const line of idTable(await world.openTransaction())) say(line);
  await world.live(watchMs);

  say(
    'Both backends vanish, in the middle of transactions. Busbar stands in for "old" (whenDown: cover), and not for "new".',
  );
  await world.cutBackends(outageMs);
  await until('every station is back', () => world.connectedCount() === stations.length, 60_000);
  say(`They are back, and so is every station. ${world.lifeLine()}.`);
  await world.live(watchMs);

  const migration = await showMigration(world, folder, say);
  say('');

  say('The fleet goes to sleep: open transactions end, what is queued is sent.');
  await world.windDown();
  const isDrainClean = await world.drain();
  say(
    isDrainClean
      ? 'Busbar drained: every link was closed after its calls, and the journal is flushed.'
      : 'Busbar did not drain in time.',
  );

  const verdict = await verifyDemo(world, migration.moves);
  say('');
  say('While the backends were away, and since, as the ledgers of stations and backends have it:');
  for (const line of verdict.outage) say(`  ${line}`);
  say('');
  say('While stations were moved, and since, as the ledgers have it:');
  for (const line of verdict.moves) say(`  ${line}`);
  say('');
  say('Verified from the ledgers of stations and backends, and from the journal:');
  for (const line of verdict.lines) say(`  ${line}`);
  if (verdict.violations.length > 0) say(describeViolations(verdict.violations));
  const isClean = isReloadClean && isAttachClean && migration.isDone && isDrainClean;
  const isGood = verdict.violations.length === 0 && isClean;
  say(isGood ? 'It held.' : 'It did NOT hold.');
  return { code: isGood ? 0 : 3, reportFiles: migration.reportFiles };
}

/** Every backend counts from 1 for itself; Busbar says each its own number. */
function idTable({ station, stationId, backends }: KnownTransaction): string[] {
  const rows = [
    ['the station', stationId],
    ...backends.map(({ backend, role, id }) => [`${backend} (${role})`, id]),
  ];
  const width = Math.max(...rows.map(([who = '']) => who.length));
  return [
    `One transaction of ${station}, and what each of them calls it:`,
    ...rows.map(([who = '', id = '']) => `  ${who.padEnd(width)}  ${id}`),
  ];
}

/** Starts Busbar again on what the journal knows, and lets the fleet live until the user has seen enough. */
async function stayUp(
  world: DemoWorld,
  reportFiles: readonly string[],
  say: (line: string) => void,
  signal: AbortSignal | undefined,
  interruption: Interruption,
): Promise<void> {
  await world.reopen();
  world.connect();
  say('');
  say(
    `Busbar is up again, and a fleet lives on it: ${world.busbar.adminUrl}/api/v1/stations, ${world.busbar.adminUrl}/metrics, or`,
  );
  say(`  npm start -- station list --admin ${world.busbar.adminUrl}`);
  say(`  npm start -- frames tail --admin ${world.busbar.adminUrl}`);
  say(`The migration's report lies in ${reportFiles.join(' and ')} as long.`);
  say('Ctrl-C ends it.');
  interruption.release();
  await new Promise<void>((resolve) => {
    for (const name of endSignals) process.once(name, () => resolve());
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
