/** One station of `ocpp-rpc` moved from one backend of `ocpp-rpc` to another and back, by the real command line, while it charges. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { StationId } from '../../src/protocol/station-id.ts';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation } from '../conformance/rpc-peers.ts';
import { silentLog, startFixture } from './busbar-fixture.ts';
import { runCli } from './cli-process.ts';
import { payloadsOf, startHeardBackend, stationId } from './rpc-world.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const status = (connectorId: number) => ({ connectorId, errorCode: 'NoError', status: 'Available' });
const start = (connectorId: number) => ({
  connectorId,
  idTag: 'T-1',
  meterStart: 0,
  timestamp: new Date().toISOString(),
});

const boot = { chargePointVendor: 'ACME', chargePointModel: 'One', firmwareVersion: '1.0' };

async function startMoving(log = silentLog) {
  const [old, fresh] = await Promise.all([startHeardBackend('ocpp1.6'), startHeardBackend('ocpp1.6')]);
  cleanups.push(
    () => old.close(),
    () => fresh.close(),
  );
  old.nextNumber = () => 7;
  fresh.nextNumber = () => 8;
  const fixture = await startFixture(configurationOf({ old: old.url, new: fresh.url }, 'old'), {}, log);
  cleanups.push(() => fixture.close());
  const station = await connectRpcStation(
    `ws://127.0.0.1:${fixture.busbar.stationPort}/ocpp`,
    stationId,
    'ocpp1.6',
  );
  cleanups.push(() => station.close());
  await station.call('BootNotification', boot);
  await station.call('StatusNotification', status(0));
  await station.call('StatusNotification', status(1));
  const busbar = (...args: string[]) => runCli(fixture.busbar.adminUrl, ...args);
  return { old, fresh, fixture, station, busbar };
}

function configurationOf(backends: Readonly<Record<string, string>>, primary: string): string {
  return [
    'stations: { listen: "127.0.0.1:0" }',
    'admin: { listen: "127.0.0.1:0" }',
    'storage: "sqlite::memory:"',
    'backends:',
    ...Object.entries(backends).map(([name, url]) => `  ${name}: { url: "${url}" }`),
    `routes: [{ stations: "*", primary: ${primary} }]`,
  ].join('\n');
}

const moveArguments = ['station', 'move', stationId, '--to', 'new', '--yes', '--reason'] as const;

test('a station is moved and taken back without its link noticing, and its sessions stay whole', async () => {
  const { old, fresh, fixture, station, busbar } = await startMoving();
  const first = await station.call('StartTransaction', start(1));

  const check = await busbar(...moveArguments, 'too early');
  expect([check.code, check.out]).toEqual([1, expect.stringContaining('does not know the station yet')]);
  const move = await busbar(...moveArguments, 'pilot', '--wait', '30s');
  expect([move.code, move.err]).toEqual([0, '']);
  expect(move.out).toMatch(/CP-1\s.*moved.*new/);
  const shown = JSON.parse((await busbar('station', 'show', stationId, '-o', 'json')).out) as object;
  expect(shown).toMatchObject({
    connected: true,
    primary: 'new',
    placement: { routed: 'old', primary: 'new', before: 'old', ready: [{ backend: 'old' }] },
  });

  // The session that runs ends where it began; a new one begins at the new backend.
  await station.call('StopTransaction', {
    transactionId: (first as { transactionId: number }).transactionId,
    meterStop: 10,
    timestamp: new Date().toISOString(),
  });
  await until('the old backend heard its end', () => payloadsOf(old.calls, 'StopTransaction').length === 1);
  expect(payloadsOf(old.calls, 'StopTransaction')).toMatchObject([{ transactionId: 7, meterStop: 10 }]);
  const second = (await station.call('StartTransaction', start(1))) as { transactionId: number };
  expect(payloadsOf(fresh.calls, 'StartTransaction')).toHaveLength(1);

  const back = await busbar('station', 'rollback', stationId, '--yes', '--reason', 'drivers are refused');
  expect([back.code, back.out]).toEqual([0, expect.stringMatching(/CP-1\s.*rolled back.*old/)]);
  await station.call('StopTransaction', {
    transactionId: second.transactionId,
    meterStop: 20,
    timestamp: new Date().toISOString(),
  });
  await until('the new backend heard its end', () => payloadsOf(fresh.calls, 'StopTransaction').length === 1);
  expect(payloadsOf(fresh.calls, 'StopTransaction')).toMatchObject([{ transactionId: 8, meterStop: 20 }]);
  expect(payloadsOf(old.calls, 'StopTransaction')).toHaveLength(1);
  await station.call('StartTransaction', start(1));
  expect(payloadsOf(old.calls, 'StartTransaction')).toHaveLength(2);

  const again = await busbar('station', 'rollback', stationId, '--yes', '--reason', 'once more');
  expect([again.code, again.out]).toEqual([1, expect.stringContaining('There is nothing to undo')]);
  expect([...station.refused, ...old.links.concat(fresh.links).flatMap(({ refused }) => refused)]).toEqual(
    [],
  );
  const audit = (await (await fetch(`${fixture.busbar.adminUrl}/api/v1/audit`)).json()) as {
    items: { action: string; reason: string; outcome: string }[];
  };
  expect(audit.items.map(({ action, reason, outcome }) => [action, reason, outcome])).toEqual([
    ['station.rollback', 'once more', 'refused'],
    ['station.rollback', 'drivers are refused', 'done'],
    ['station.move', 'pilot', 'done'],
    ['station.move', 'too early', 'refused'],
  ]);
}, 60_000);

test('the old backend is taken out of the configuration without a station noticing', async () => {
  const { old, fresh, fixture, station, busbar } = await startMoving();
  expect((await busbar(...moveArguments, 'pilot', '--wait', '30s')).code).toBe(0);
  await fixture.write(configurationOf({ new: fresh.url }, 'new'));
  expect(await fixture.busbar.reload()).toMatchObject({ ok: true });
  await station.call('Heartbeat', {});
  expect(payloadsOf(fresh.calls, 'BootNotification')).toHaveLength(1);
  expect(fresh.links).toHaveLength(1);
  await until(
    'the old link is gone',
    () => fixture.busbar.gateway.registry.station(stationId as StationId)?.backends.length === 1,
  );
  expect(fixture.busbar.gateway.registry.station(stationId as StationId)).toMatchObject({
    connected: true,
    primary: 'new',
    backends: [{ backend: 'new', role: 'primary' }],
  });
  const back = await busbar('station', 'rollback', stationId, '--yes', '--reason', 'too late');
  expect(back.code).toBe(1);
  expect(old.links).toHaveLength(1);
}, 60_000);

test('a backend that stations were moved to is not taken out of the configuration without a word', async () => {
  const said: unknown[] = [];
  const warn = (event: string, fields?: object): void => void said.push({ event, ...fields });
  const { old, fresh, fixture, busbar } = await startMoving({ ...silentLog, warn });
  expect((await busbar(...moveArguments, 'pilot', '--wait', '30s')).code).toBe(0);
  const plan = join(fixture.folder, 'back.yaml');
  await writeFile(plan, 'name: back\nfrom: new\nto: old\nwaves: [{ name: all, stations: ["*"] }]\n');
  expect((await busbar('migration', 'create', plan, '--reason', 'back')).code).toBe(0);
  said.length = 0;
  await fixture.write(configurationOf({ old: old.url }, 'old'));
  expect(await fixture.busbar.reload()).toMatchObject({ ok: true });
  expect(said).toContainEqual({
    event: 'backend_removed_in_use',
    backend: 'new',
    stations: 1,
    messages: 0,
    migrations: 'back',
  });
  said.length = 0;
  await fixture.write(configurationOf({ old: old.url, new: fresh.url }, 'old'));
  expect(await fixture.busbar.reload()).toMatchObject({ ok: true });
  expect(said).toEqual([]);
}, 60_000);
