/**
 * A full disk under a living fleet, from the first refusal to the last message delivered: what docs/guide/storage.md promises, looked at from outside.
 *
 * The file system is a small tmpfs, which takes the right to mount one.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ocppVersions } from '../../src/protocol/version.ts';
import {
  checkDelivered,
  checkDiscarded,
  checkDuplicates,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  describeViolations,
  guaranteedCalls,
  type Evidence,
} from '../../src/testkit/checkers.ts';
import { checkDurable, type JournalEntry } from '../../src/testkit/journal-checkers.ts';
import type { Ledger } from '../../src/testkit/ledger.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { SimulatedStation } from '../../src/testkit/simulated-station.ts';
import { until } from '../../src/testkit/until.ts';
import { openFile } from '../contract/journal-stores.ts';
import { dialStation, startFixture, type BarePeer } from './busbar-fixture.ts';
import { integrityOf } from './journal-disk.ts';

const stationCount = 24;
const seed = 20_261_125;
const callTimeoutMs = 20_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A file system of 24 MiB of its own, or null where this user may not mount one. */
function mountedFolder(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'busbar-disk-'));
  const isMounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' }).status === 0;
  if (isMounted) return folder;
  rmSync(folder, { recursive: true });
  return null;
}

function unmount(folder: string): void {
  execFileSync('umount', [folder]);
  rmSync(folder, { recursive: true });
}

const canMount = ((): boolean => {
  const probe = mountedFolder();
  if (probe !== null) unmount(probe);
  return probe !== null;
})();

const name = canMount
  ? 'a disk that fills up'
  : 'a disk that fills up (skipped: mounting a tmpfs takes root)';

describe.skipIf(!canMount)(name, () => {
  test(
    'stops what must be kept, passes the rest on, and loses nothing once there is room again',
    { timeout: 120_000 },
    async () => {
      const disk = mountedFolder() ?? '';
      cleanups.push(() => unmount(disk));
      const [fleetBackend, bareBackend] = [await startBackend(1), await startBackend(2)];
      const events: string[] = [];
      const note = (event: string): void => void events.push(event);
      const fixture = await startFixture(
        configurationText(disk, fleetBackend, bareBackend),
        {},
        {
          debug: note,
          info: note,
          warn: note,
          error: note,
        },
      );
      let isDrained = false;
      cleanups.push(() => (isDrained ? null : fixture.close()));
      const { busbar, stationUrl } = fixture;
      const { journal } = busbar;
      const readyz = async (): Promise<{ status: number; text: string }> => {
        const response = await fetch(`${busbar.adminUrl}/readyz`);
        return { status: response.status, text: await response.text() };
      };

      const stations = startStations(`ws://127.0.0.1:${busbar.stationPort}/ocpp`);
      const connected = (): number => stations.filter((station) => station.isOpen).length;
      const messages = (): number =>
        stations.reduce((sum, { ledger }) => sum + guaranteedCalls(ledger as Ledger).length, 0);
      await until(
        'the fleet is there and charges',
        () => connected() === stationCount && messages() > 100,
        30_000,
      );
      const bare = await dialStation(stationUrl('BARE-1'));
      await bootOf(bare);
      expect((await readyz()).status).toBe(200);

      fillUp(join(disk, 'ballast'));
      await until('the journal cannot be written', () => !journal.isWritable, 20_000);

      expect(await readyz()).toEqual({
        status: 503,
        text: expect.stringContaining('the journal cannot be written: the disk is full'),
      });
      const newcomer = await dialStation(stationUrl('BARE-2'));
      expect(newcomer.refused?.status).toBe(503);
      expect(Number(newcomer.refused?.headers['retry-after'])).toBeGreaterThan(0);
      await until(
        'stations with something to keep are sent away',
        () => connected() < stationCount / 2,
        30_000,
      );

      await passUntil(bare, () => journal.stats.recordsMissed > 100);
      bare.send(call('start', 'StartTransaction', startTransaction));
      await until('it is closed', () => bare.closed !== null);
      expect(bare.closed).toEqual({ code: 1013, reason: 'journal_failing' });
      expect(bare.texts.some((text) => text.includes('"start"'))).toBe(false);
      expect(callsOf(bareBackend, 'StartTransaction')).toBe(0);

      rmSync(join(disk, 'ballast'));
      await until('the journal is written again', () => journal.isWritable, 20_000);
      expect((await readyz()).status).toBe(200);
      const messagesWhenFull = messages();
      await until('every station is back', () => connected() === stationCount, 60_000);
      const back = await dialStation(stationUrl('BARE-1'));
      await bootOf(back);
      back.send(call('start-again', 'StartTransaction', startTransaction));
      await until('it is answered', () => back.texts.some((text) => text.startsWith('[3,"start-again"')));
      expect(callsOf(bareBackend, 'StartTransaction')).toBe(1);

      for (const station of stations) station.windDown();
      await until('nobody keeps anything', () => stations.every(({ life }) => isSettled(life)), 60_000);
      expect(messages()).toBeGreaterThan(messagesWhenFull);
      const { recordsMissed } = journal.stats;
      expect(await busbar.drain(0, 10_000)).toBe(true);
      isDrained = true;
      await Promise.all(stations.map((station) => station.stop()));

      const file = join(disk, 'data/busbar.db');
      expect(integrityOf(file)).toBe('ok');
      const entries = await readJournal(file);
      const gaps = entries.flatMap(({ record }) => (record.type === 'gap' ? [record.records] : []));
      expect(gaps.reduce((sum, records) => sum + records, 0)).toBe(recordsMissed);
      expect(events).toEqual(
        expect.arrayContaining([
          'journal_commit_failed',
          'journal_unwritable',
          'journal_bound_reached',
          'journal_gap',
          'journal_writable',
        ]),
      );
      expect(describeViolations(violationsOf(stations, fleetBackend, entries))).toBe('');
    },
  );
});

function violationsOf(
  stations: readonly SimulatedStation[],
  backend: SimulatedBackend,
  entries: readonly JournalEntry[],
): ReturnType<typeof checkOrder> {
  const evidence: Evidence = {
    stations: new Map(stations.map(({ id, ledger }) => [id, ledger as Ledger])),
    backends: new Map([['fleet', backend.ledgers]]),
  };
  return [
    ...checkDurable(evidence, entries, { calls: 'guaranteed' }),
    ...checkDelivered(evidence),
    ...checkDiscarded(evidence),
    ...checkOrder(evidence),
    ...checkDuplicates(evidence, { kills: 0 }),
    ...checkIdentity(evidence),
    ...checkOneOutstanding(evidence, { callTimeoutMs }),
    ...checkLinks(evidence),
  ];
}

async function startBackend(backendSeed: number): Promise<SimulatedBackend> {
  const backend = new SimulatedBackend({
    seed: backendSeed,
    versions: ocppVersions,
    neverCommands: ['Reset'],
  });
  await backend.start();
  cleanups.push(() => backend.stop());
  return backend;
}

function startStations(url: string): SimulatedStation[] {
  const stations = Array.from({ length: stationCount }, (_, index) => {
    const version = ocppVersions[index % ocppVersions.length] ?? 'ocpp1.6';
    const spec = {
      id: `CP-${index}`,
      seed: seed + index,
      offers: [version] as const,
      callTimeoutMs,
      powerCutEveryMs: Infinity,
      speed: 60,
      idleMs: [10_000, 60_000],
      chargingMs: [120_000, 600_000],
      reconnectMs: 6_000,
      reconnectMaxMs: 30_000,
    } as const;
    return new SimulatedStation(spec, { url }, { keepsLedger: true });
  });
  cleanups.push(() => Promise.all(stations.map((station) => station.stop())));
  return stations;
}

/** The disk takes not one more page. */
function fillUp(file: string): void {
  const descriptor = openSync(file, 'w');
  const page = Buffer.alloc(4_096, 1);
  try {
    for (;;) writeSync(descriptor, page);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  } finally {
    closeSync(descriptor);
  }
}

const startTransaction = {
  connectorId: 1,
  idTag: 'TAG-1',
  meterStart: 1_000,
  timestamp: '2026-11-24T12:00:00Z',
};

const call = (id: string, action: string, payload: object): string =>
  JSON.stringify([2, id, action, payload]);

async function bootOf(peer: BarePeer): Promise<void> {
  peer.send(call('boot', 'BootNotification', { chargePointVendor: 'Bare', chargePointModel: 'One' }));
  await until('the boot is answered', () => peer.texts.some((text) => text.startsWith('[3,"boot"')));
}

/** Ordinary calls, large ones and each answered, until the journal keeps no more of them in memory. */
async function passUntil(peer: BarePeer, holds: () => boolean): Promise<void> {
  const data = 'x'.repeat(100_000);
  for (let count = 1; !holds(); count += 1) {
    expect(count).toBeLessThan(5_000);
    peer.send(call(`data-${count}`, 'DataTransfer', { vendorId: 'bare', data }));
    await until('it is answered', () => peer.texts.at(-1)?.startsWith(`[3,"data-${count}"`) === true);
  }
}

function callsOf(backend: SimulatedBackend, action: string): number {
  return [...backend.ledgers.values()]
    .flatMap(({ entries }) => entries)
    .filter((entry) => entry.type === 'received' && entry.text.includes(`"${action}"`)).length;
}

async function readJournal(file: string): Promise<JournalEntry[]> {
  const store = await openFile(file);
  const entries: JournalEntry[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<typeof store.reader.records>> = await store.reader.records(after, 10_000);
    entries.push(...page.records);
    after = page.next;
  }
  await store.close();
  return entries;
}

function configurationText(disk: string, fleet: SimulatedBackend, bare: SimulatedBackend): string {
  mkdirSync(join(disk, 'data'));
  return `stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:${join(disk, 'data/busbar.db')}
backends:
  fleet: { url: "${fleet.url}/{station}", redial: { from: 100ms, to: 1s } }
  bare: { url: "${bare.url}/{station}", redial: { from: 100ms, to: 1s } }
routes:
  - { stations: "BARE-*", primary: bare }
  - { stations: "*", primary: fleet }
limits: { callsPerSecond: 10000, connectsPerHour: 100000 }
`;
}
