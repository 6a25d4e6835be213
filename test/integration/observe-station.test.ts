/** Who listens in to one station of `ocpp-rpc` is decided by the real command line, in a process that is killed with -9 right after. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation } from '../conformance/rpc-peers.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { runCli } from './cli-process.ts';
import { payloadsOf, startHeardBackend, stationId, type HeardBackend } from './rpc-world.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const status = (connectorId: number) => ({ connectorId, errorCode: 'NoError', status: 'Available' });
const start = { connectorId: 1, idTag: 'T-1', meterStart: 0, timestamp: '2026-01-01T00:00:00Z' };
const boot = { chargePointVendor: 'ACME', chargePointModel: 'One' };

async function startBackend(): Promise<HeardBackend> {
  const backend = await startHeardBackend('ocpp1.6');
  cleanups.push(() => backend.close());
  return backend;
}

async function startObserving() {
  const [old, ear, bills] = await Promise.all([startBackend(), startBackend(), startBackend()]);
  const folder = await mkdtemp(join(tmpdir(), 'busbar-observe-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, 'busbar.yaml');
  await writeFile(
    config,
    [
      `stations: { listen: "127.0.0.1:${stationPort}" }`,
      `admin: { listen: "127.0.0.1:${adminPort}" }`,
      'storage: "sqlite:busbar.db"',
      'backends:',
      `  old: { url: "${old.url}" }`,
      `  ear: { url: "${ear.url}", nonBilling: true }`,
      `  bills: { url: "${bills.url}" }`,
      'routes: [{ stations: "*", primary: old }]',
    ].join('\n'),
  );
  const process = new BusbarProcess(config);
  cleanups.push(() => process.stop('SIGKILL'));
  await process.start();
  const connect = async () => {
    const station = await connectRpcStation(`ws://127.0.0.1:${stationPort}/ocpp`, stationId, 'ocpp1.6');
    cleanups.push(() => station.close());
    return station;
  };
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const observe = (...args: string[]) =>
    runCli(adminUrl, 'station', 'move', stationId, '--to', 'old', '--yes', '--reason', 'a look', ...args);
  const shown = async () =>
    JSON.parse((await runCli(adminUrl, 'station', 'show', stationId, '-o', 'json')).out) as {
      placement: { observers: unknown };
    };
  return { old, ear, bills, process, connect, observe, shown, adminUrl };
}

const classes = 'registration,state,transactions';

test('a backend listens in to a charging station by decision, also after kill -9, until it is decided otherwise', async () => {
  const { old, ear, bills, process, connect, observe, shown, adminUrl } = await startObserving();
  const station = await connect();
  await station.call('BootNotification', boot);
  await station.call('StatusNotification', status(1));

  const refused = await observe('--observer', `bills:${classes}`);
  expect([refused.code, refused.out]).toEqual([1, expect.stringContaining('observers.0.receives')]);
  const placed = await observe('--observer', `ear:${classes}:GetConfiguration`);
  expect([placed.code, placed.err]).toEqual([0, '']);
  await until(
    'the listener knows the station',
    () => payloadsOf(ear.calls, 'StatusNotification').length === 1,
  );
  await station.call('StartTransaction', start);
  await until(
    'the listener is shown a transaction',
    () => payloadsOf(ear.calls, 'StartTransaction').length === 1,
  );
  expect((await observe('--observer', `ear:${classes}:GetConfiguration`)).out).toContain('was so already');
  expect([old.links.length, station.refused]).toEqual([1, []]);

  await process.stop('SIGKILL');
  await process.start();
  const observers = [
    { backend: 'ear', receives: ['registration', 'state', 'transactions'], commands: ['GetConfiguration'] },
  ];
  expect((await shown()).placement.observers).toEqual(observers);
  const back = await connect();
  await ear.link(2);
  await back.call('StatusNotification', status(2));
  await until('the listener hears of it', () =>
    payloadsOf(ear.calls, 'StatusNotification').some(({ connectorId }) => connectorId === 2),
  );

  expect((await observe('--no-observers')).code).toBe(0);
  expect((await shown()).placement.observers).toEqual([]);
  const shownEar = (await (await fetch(`${adminUrl}/api/v1/backends/ear`)).json()) as object;
  expect(shownEar).toMatchObject({ linksOpen: 0, linksDialling: 0 });
  const heard = ear.calls.length;
  await back.call('StatusNotification', status(3));
  const routed = await observe();
  expect([routed.code, routed.out]).toEqual([0, expect.stringMatching(/CP-1.*old.*its route alone decides/)]);
  expect((await shown()).placement).toBeNull();
  expect([ear.calls.length, bills.calls, old.links.length]).toEqual([heard, [], 2]);
  const audit = (await (await fetch(`${adminUrl}/api/v1/audit`)).json()) as {
    items: { outcome: string; before: unknown; after: unknown }[];
  };
  expect(audit.items.map(({ outcome, before, after }) => [outcome, before, after])).toMatchObject([
    ['done', { observers: [] }, null],
    ['done', { observers }, { observers: [] }],
    ['done', { observers }, { observers }],
    ['done', null, { observers }],
    ['refused', null, null],
  ]);
}, 60_000);
