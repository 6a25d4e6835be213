/** That billing is at risk is on record once, however often Busbar is killed meanwhile, and that it is over once an operator has decided. */
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test } from 'vitest';
import type { BillingRecord } from '../../src/core/journal/record.ts';
import { batchOf, heldRecord } from '../contract/journal-samples.ts';
import { openFile, temporaryFolder } from '../contract/journal-stores.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { runCli } from './cli-process.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const minuteMs = 60_000;

test('billing at risk is on record once over kill -9, and once that it is over', async () => {
  const folder = await temporaryFolder();
  cleanups.push(() => folder.remove());
  const file = join(folder.path, 'busbar.db');
  const now = Date.now();
  // What a Busbar that was killed had held, for longer and for less than an hour.
  const ages = [90, 70, 50].map((minutes) => now - minutes * minuteMs);
  const held = ages.map((since, at) => {
    const { message, ...record } = heldRecord(at + 1);
    return { ...record, at: since, message: { ...message, transaction: `t${at}`, since } };
  });
  const older = await openFile(file);
  expect(await older.commit(batchOf(1, held))).toBeNull();
  await older.close();
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder.path, 'busbar.yaml');
  await writeFile(
    config,
    [
      `stations: { listen: "127.0.0.1:${stationPort}" }`,
      `admin: { listen: "127.0.0.1:${adminPort}" }`,
      'storage: "sqlite:busbar.db"',
      'backends: { old: { url: "ws://127.0.0.1:9/{station}" } }',
      'routes: [{ stations: "*", primary: old, whenDown: cover }]',
    ].join('\n'),
  );
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const logged: string[] = [];
  const busbar = new BusbarProcess(config, (line) => {
    const event = /"event":"(billing_\w+)"/.exec(line)?.[1];
    if (event !== undefined) logged.push(event);
  });
  cleanups.push(() => busbar.stop('SIGKILL'));

  await busbar.start();
  const oldest = new Date(ages[0] ?? 0).toISOString();
  const risk = { stations: 1, messages: 2, oldest };
  await expect.poll(() => riskShown(adminUrl), { timeout: 20_000 }).toMatchObject(risk);
  await expect.poll(() => rowsIn(file), { timeout: 20_000 }).toBe(1);
  await busbar.stop('SIGKILL');
  await busbar.start();
  expect(await riskShown(adminUrl)).toMatchObject(risk);
  for (const number of [1, 2, 3]) {
    const dropped = await runCli(adminUrl, 'delivery', 'drop', `CP-1:${number}`, '--reason', 'by hand');
    expect(dropped.code, dropped.err).toBe(0);
  }
  await expect.poll(() => riskShown(adminUrl), { timeout: 30_000 }).toBeNull();
  await busbar.stop('SIGTERM');
  expect(logged).toEqual(['billing_at_risk', 'billing_risk_over']);

  const after = await openFile(file);
  const { records } = await after.reader.records(0, 1_000);
  await after.close();
  const told = records.flatMap(({ record }): BillingRecord[] => (record.type === 'billing' ? [record] : []));
  expect(told).toMatchObject([
    { backend: 'old', change: 'at_risk', stations: 1, messages: 2, oldest: ages[0] },
    { backend: 'old', change: 'over', stations: 1, messages: 2, oldest: ages[0] },
  ]);
  expect(told[1]?.since).toBe(told[0]?.at);
}, 90_000);

/** What the API says of the backend. */
async function riskShown(adminUrl: string): Promise<unknown> {
  const backend = (await (await fetch(`${adminUrl}/api/v1/backends/old`)).json()) as {
    billingAtRisk: unknown;
  };
  return backend.billingAtRisk;
}

/** What a process that starts now would read back, beside the one that runs. */
function rowsIn(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare('SELECT count(*) AS count FROM billing_risk').get();
  database.close();
  return Number(row?.['count']);
}
