/**
 * An old backend is gone for good while a session runs: its station is handed over to the new one by the real command line, and charges on. A station and two CSMS of `ocpp-rpc`, and Busbar as a
 * process of its own: what each of the three wrote down decides.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { OcppVersion } from '../../src/protocol/version.ts';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation, type RpcPeer } from '../conformance/rpc-peers.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { runCli, type CliRun } from './cli-process.ts';
import { Charger, Csms } from './rpc-books.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const station = 'CP-1';

interface World {
  readonly old: Csms;
  readonly next: Csms;
  readonly busbar: BusbarProcess;
  readonly admin: string;
  readonly peer: RpcPeer;
  readonly charger: Charger;
  readonly cli: (...args: readonly string[]) => Promise<CliRun>;
}

/** A session began under the old backend and has a reading there; since then it is gone, and Busbar has taken two more. */
async function chargingWithoutBackend(version: OcppVersion): Promise<World> {
  const [old, next] = [new Csms(version), new Csms(version)];
  for (const csms of [old, next]) {
    await csms.start();
    cleanups.push(() => csms.stop());
  }
  next.books.number = 500;
  const folder = await mkdtemp(join(tmpdir(), 'busbar-handover-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, 'busbar.yaml');
  await writeFile(config, configurationText(old, next, stationPort, adminPort));
  const busbar = new BusbarProcess(config);
  cleanups.push(() => busbar.stop('SIGKILL'));
  await busbar.start();
  const peer = await connectRpcStation(`ws://127.0.0.1:${stationPort}/ocpp`, station, version);
  cleanups.push(() => peer.close());
  const charger = new Charger(peer, version);
  expect(await charger.boot()).toMatchObject({ status: 'Accepted' });
  await charger.status(1, 'Charging', 'Occupied');
  await charger.begin('A', 1, 1);
  await charger.meter('A', 1, 2, 100);
  await until('the old one has the reading', () => old.books.all[0]?.values.length === 1);
  await old.stop();
  await charger.meter('A', 1, 3, 200);
  await charger.meter('A', 1, 4, 300);
  const admin = `http://127.0.0.1:${adminPort}`;
  return { old, next, busbar, admin, peer, charger, cli: (...args) => runCli(admin, ...args) };
}

function configurationText(old: Csms, next: Csms, stationPort: number, adminPort: number): string {
  return `stations: { listen: "127.0.0.1:${stationPort}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${old.url}", redial: { from: 100ms, to: 500ms } }
  new: { url: "${next.url}" }
routes:
  - { stations: "*", primary: old, whenDown: cover }
`;
}

const move = ['station', 'move', station, '--to', 'new', '--wait', '30s'] as const;
const byHand = ['--open-transactions', 'handover', '--reason', 'old is insolvent'] as const;

async function handOver({ cli, peer }: World): Promise<void> {
  const before = peer.tapped.length;
  const made = await cli(...move, ...byHand, '--yes');
  expect([made.code, made.out]).toEqual([0, expect.stringMatching(/CP-1\s.*moved.*new/)]);
  // The station is sent nothing, and its link is the same.
  expect(peer.tapped).toHaveLength(before);
}

/** Everything that either CSMS or the station refused, or found out of place in its books. */
function faultsIn({ old, next, peer }: World): readonly string[] {
  const refused = [peer, ...old.peers, ...next.peers].flatMap((each) => each.refused);
  return [...refused, ...old.books.faults, ...next.books.faults];
}

const transactional = new Set(['StartTransaction', 'StopTransaction', 'MeterValues', 'TransactionEvent']);

describe.each(['ocpp1.6', 'ocpp2.0.1'] as const)(
  '%s: a session whose backend is gone for good',
  (version) => {
    test('is whole in the books of the backend that it is handed over to', async () => {
      const world = await chargingWithoutBackend(version);
      const { old, next, charger, peer } = world;
      const [half] = structuredClone(old.books.all);
      await handOver(world);
      await charger.meter('A', 1, 5, 400);
      await charger.end('A', 6, 450);
      await charger.begin('B', 1, 7);
      await charger.end('B', 8, 20);
      await until('both sessions have ended', () => {
        const { all } = next.books;
        return all.length === 2 && all.every(({ stoppedAt }) => stoppedAt !== null);
      });
      expect(next.books.all).toEqual(charger.own.all);
      expect([...next.books.sessions.keys()]).toEqual(version === 'ocpp1.6' ? [501, 502] : ['A', 'B']);
      // Each call of the station was answered with a result, on its one link.
      const answers = peer.tapped.filter(({ isSent }) => !isSent).map(({ text }) => text.slice(0, 2));
      expect(new Set(answers)).toEqual(new Set(['[3']));

      // It comes back after all, and is told how the station is, and of no session.
      const heard = old.books.heard.length;
      await old.start();
      await charger.status(1, 'Available', 'Available');
      await until('the old one hears the state', () => old.books.statuses.get(1) === 'Available');
      expect(old.books.heard.slice(heard).filter((action) => transactional.has(action))).toEqual([]);
      expect(old.books.all).toEqual([half]);
      expect(faultsIn(world)).toEqual([]);
    }, 60_000);
  },
);

test('whoever hands over is warned, and on record', async () => {
  const { admin, cli } = await chargingWithoutBackend('ocpp1.6');
  const asked = await cli(...move, ...byHand);
  expect([asked.code, asked.err]).toEqual([
    2,
    expect.stringContaining('open transactions are handed over, and a backend that does not take one'),
  ]);
  expect((await cli(...move, ...byHand, '--yes')).code).toBe(0);
  const audit = (await (await fetch(`${admin}/api/v1/audit`)).json()) as { items: object[] };
  expect(audit.items).toMatchObject([
    {
      action: 'station.move',
      outcome: 'done',
      reason: 'old is insolvent',
      target: station,
      request: { primary: 'new', openTransactions: 'handover' },
    },
  ]);
}, 60_000);
