/**
 * kill -9 right after Busbar has answered a status in the place of a backend that was down: nobody else has it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../src/testkit/until.ts';
import { BareBackend } from './bare-backend.ts';
import { dialStation, type BarePeer } from './busbar-fixture.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';

const cleanups: (() => Promise<unknown>)[] = [];

/** As connector 1 says that it is now. */
function status(now: string): string {
  return `{"connectorId":1,"errorCode":"NoError","status":"${now}","timestamp":"2026-01-01T00:00:00Z"}`;
}

async function say(station: BarePeer, id: string, action: string, payload: string): Promise<void> {
  station.send(`[2,"${id}","${action}",${payload}]`);
  await until(`${id} is answered`, () => station.texts.some((text) => text.startsWith(`[3,"${id}"`)));
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test('the backend hears it afterwards, from the next process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-kill-status-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const backend = new BareBackend();
  await backend.start();
  cleanups.push(() => backend.stop());
  const accepted = '{"status":"Accepted","currentTime":"2026-01-01T00:00:00Z","interval":300}';
  backend.results.set('BootNotification', accepted);
  const [port = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, 'busbar.yaml');
  await writeFile(
    config,
    `stations: { listen: "127.0.0.1:${port}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${backend.url}/{station}", redial: { from: 100ms, to: 200ms } }
routes:
  - { stations: "*", primary: old, whenDown: cover }
`,
  );
  const busbar = new BusbarProcess(config);
  cleanups.push(() => busbar.stop('SIGKILL'));
  await busbar.start();
  const connect = async (): Promise<BarePeer> => {
    const station = await dialStation(`ws://127.0.0.1:${port}/ocpp/CP-1`);
    cleanups.push(async () => station.socket.terminate());
    return station;
  };
  const before = await connect();
  await say(before, 'boot', 'BootNotification', '{"chargePointVendor":"V","chargePointModel":"M"}');
  await say(before, 'free', 'StatusNotification', status('Available'));
  await backend.stop();
  await say(before, 'taken', 'StatusNotification', status('Charging'));
  await busbar.stop('SIGKILL');
  await backend.start();
  await busbar.start();
  const linksBefore = backend.links.get('CP-1')?.length ?? 0;
  const after = await connect();
  await say(after, 'beat', 'Heartbeat', '{}');
  await until('it is told', () =>
    (backend.links.get('CP-1') ?? [])
      .slice(linksBefore)
      .some(({ texts }) => texts.some((text) => text.includes('"Charging"'))),
  );
  const told = (backend.links.get('CP-1') ?? []).slice(linksBefore).flatMap(({ texts }) => texts);
  expect(told.filter((text) => text.includes('StatusNotification'))).toHaveLength(1);
}, 60_000);
