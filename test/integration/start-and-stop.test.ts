/** What Busbar leaves behind when it cannot start, and how reloads and the end get along. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { startBusbar, type Busbar, type BusbarOptions } from '../../src/app/busbar.ts';
import { loadConfiguration } from '../../src/control/configuration/load.ts';
import type { Settings } from '../../src/ports/settings.ts';
import { ok, type Result } from '../../src/std/result.ts';
import { silentLog } from './busbar-fixture.ts';
import { BusbarProcess } from './busbar-process.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'busbar-start-'));
  cleanups.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function settingsIn(place: string, adminPort = 0, backend = 'one'): Promise<Settings> {
  const file = join(place, `${backend}.yaml`);
  await writeFile(
    file,
    `stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends: { ${backend}: { url: "ws://127.0.0.1:9/{station}" } }
routes: [{ stations: "*", primary: ${backend} }]
`,
  );
  const loaded = await loadConfiguration(file, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  return loaded.value.settings;
}

type ReadAgain = BusbarOptions['readAgain'];

async function start(
  settings: Settings,
  readAgain: ReadAgain = () => Promise.resolve(ok(settings)),
): Promise<Busbar> {
  const started = await startBusbar({ settings, log: silentLog, readAgain });
  if (!started.ok) throw new Error(`${started.fault.where}: ${started.fault.reason}`);
  return started.value;
}

test('a journal whose stations cannot be read stops the start with a reason, and is let go of', async () => {
  const place = await folder();
  const settings = await settingsIn(place);
  await (await start(settings)).drain(0, 3_000);
  const database = new DatabaseSync(join(place, 'busbar.db'));
  database.exec(`INSERT INTO station (id, state) VALUES ('CP-1', '{"boot":')`);
  const readAgain: ReadAgain = () => Promise.resolve(ok(settings));
  const started = await startBusbar({ settings, log: silentLog, readAgain });
  expect(started).toMatchObject({ ok: false, fault: { where: 'storage' } });
  database.exec('DELETE FROM station');
  database.close();
  expect(await (await start(settings)).drain(0, 3_000)).toBe(true);
});

test('an admin address that is taken stops the start, and everything opened before is closed', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => {
    taken.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => new Promise((resolve) => taken.close(resolve)));
  const place = await folder();
  const settings = await settingsIn(place, (taken.address() as AddressInfo).port);
  const readAgain: ReadAgain = () => Promise.resolve(ok(settings));
  const started = await startBusbar({ settings, log: silentLog, readAgain });
  expect(started).toMatchObject({ ok: false, fault: { where: 'admin.listen' } });
  const busbar = await start(await settingsIn(place));
  expect(await busbar.drain(0, 3_000)).toBe(true);
});

test('of two reloads at once the one that was asked for last counts', async () => {
  const place = await folder();
  const settings = await settingsIn(place);
  const [second, third] = [await settingsIn(place, 0, 'two'), await settingsIn(place, 0, 'three')];
  const slow = Promise.withResolvers<Result<Settings, never>>();
  const reads: Promise<Result<Settings, never>>[] = [slow.promise, Promise.resolve(ok(third))];
  const busbar = await start(settings, () => reads.shift() ?? Promise.resolve(ok(settings)));
  cleanups.push(() => busbar.drain(0, 3_000));
  const both = [busbar.reload(), busbar.reload()];
  slow.resolve(ok(second));
  expect((await Promise.all(both)).map(({ ok: isOk }) => isOk)).toEqual([true, true]);
  expect(busbar.gateway.registry.backends().map(({ name }) => name)).toEqual(['three']);
});

test('nothing is reloaded once the drain has begun', async () => {
  const place = await folder();
  const settings = await settingsIn(place);
  const busbar = await start(settings);
  const drained = busbar.drain(0, 3_000);
  expect(await busbar.reload()).toMatchObject({ ok: false });
  expect(await drained).toBe(true);
});

test('the journal of the command is for its owner and group only, whatever the umask lets others do', async () => {
  const place = await folder();
  await settingsIn(place);
  const busbar = new BusbarProcess(join(place, 'one.yaml'));
  cleanups.push(() => busbar.stop('SIGKILL'));
  const before = process.umask(0o022);
  await busbar.start();
  process.umask(before);
  for (const file of ['busbar.db', 'busbar.db-wal']) {
    const { mode } = await stat(join(place, file));
    expect((mode & 0o777).toString(8)).toBe('640');
  }
});
