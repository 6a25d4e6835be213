/**
 * An hour without a backend, in half a minute: what stations were told is taken arrives, in order, at the pace that the backend can take, while the fleet lives on.
 *
 * Real processes and sockets: Busbar is a process of its own, the scripted stations and their backend are this one. What they wrote down decides. BUSBAR_OUTAGE_STATIONS=1000 is the full
 * size: 108,000 held messages, delivered in five minutes. BUSBAR_OUTAGE_DRAIN=2500 presses them into forty seconds. How soon live messages are answered meanwhile is judged only where both
 * processes had their cores: a machine that is shared with others says nothing of it.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import {
  checkAnswers,
  checkDelivered,
  checkDuplicates,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  describeViolations,
  guaranteedCalls,
  type Evidence,
} from '../../src/testkit/checkers.ts';
import { checkForeignIds } from '../../src/testkit/id-checkers.ts';
import { exchangesOf } from '../../src/testkit/ledger.ts';
import { contentOf } from '../../src/testkit/read-once.ts';
import { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { checkSequences } from '../../src/testkit/transaction-checkers.ts';
import { until } from '../../src/testkit/until.ts';
import { BusbarProcess, freePorts } from '../integration/busbar-process.ts';
import { waitedMs } from '../integration/core-waits.ts';
import { ScriptedStation } from './scripted-station.ts';

const stationCount = Number(process.env['BUSBAR_OUTAGE_STATIONS'] ?? 150);
/** What the backend takes in a second, ten times what Busbar would send by itself. A small fleet's hour is pressed into some twenty seconds. */
const drainPerSecond = Number(
  process.env['BUSBAR_OUTAGE_DRAIN'] ?? (stationCount > 500 ? 500 : stationCount * 5),
);
/** It is not overrun when it is back: its links take some four seconds. */
const connectsPerSecond = Math.ceil(stationCount / 4);
/** Of the hour: each station says something guaranteed this often. */
const rounds = 108;
const roundMs = stationCount > 500 ? 240 : 160;
/** A session ends in every so many rounds, and the next begins in the one after. */
const sessionRounds = 27;
const livePerSecond = 300;
const beforeMs = stationCount > 500 ? 15_000 : 5_000;
/** What nobody notices, whatever it was before. */
const noticeableMs = 20;
const residentMaxMb = 512;
/** What Node is told in a container of that size; on a large machine it lets garbage lie for longer. */
const heapMaxMb = 320;
/** Far above what it takes: other processes may have the machine. */
const answerMaxMs = 30_000;
/** The part of its time for which a process waited for a core, above which times tell of the machine and not of Busbar. */
const starvedShare = 0.1;

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test('an hour without a backend', { timeout: 700_000 }, async () => {
  const cpuBefore = process.cpuUsage();
  const folder = await mkdtemp(join(tmpdir(), 'busbar-outage-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const backend = new SimulatedBackend({ intervalS: 86_400 }, { keepsLedgers: true });
  await backend.start();
  cleanups.push(() => backend.stop());
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, 'busbar.yaml');
  await writeFile(config, configurationText(backend, stationPort, adminPort));
  const busbar = new BusbarProcess(config);
  cleanups.push(() => busbar.stop('SIGKILL'));
  vi.stubEnv('NODE_OPTIONS', `--max-old-space-size=${heapMaxMb}`);
  await busbar.start();
  vi.unstubAllEnvs();

  const fleet = await connectFleet(`ws://127.0.0.1:${stationPort}/ocpp`);
  const waits = [await waitedMs(busbar.pid)];
  const beforeFromMs = performance.now();
  await liveFor(fleet, () => performance.now() - beforeFromMs < beforeMs);

  waits.push(await waitedMs(busbar.pid));
  const downAtMs = performance.now();
  await backend.stop('cut');
  await liveThroughOutage(fleet);
  // Counted while there is no backend yet: it would be kept waiting, since it lives in this process.
  const said = saidBy(fleet);
  waits.push(await waitedMs(busbar.pid));
  const upAtMs = performance.now();
  await backend.start();

  const heard = new Heard(backend);
  const deadlineMs = performance.now() + 500_000;
  await liveFor(fleet, () => heard.count() < said && performance.now() < deadlineMs);
  const drainedAtMs = performance.now();
  const saidInAll = saidBy(fleet);
  // What was said meanwhile stands behind it, and leaves at the same pace.
  await until('everything that was held is delivered', () => heard.count() >= saidInAll, 240_000);
  waits.push(await waitedMs(busbar.pid));
  const { residentMb, cpuMs } = await usageOf(busbar.pid);
  expect(fleet.filter(({ isOpen }) => !isOpen)).toHaveLength(0);
  expect(await busbar.stop('SIGTERM')).toBe(0);

  const evidence: Evidence = {
    stations: new Map(fleet.map(({ ledger }) => [ledger.station, ledger])),
    backends: new Map([['only', backend.ledgers]]),
  };
  const held = heldDuring(evidence, downAtMs, upAtMs);
  const arrivals = arrivalsOf(evidence, held);
  const before = p99Ms(fleet, beforeFromMs, downAtMs);
  const during = p99Ms(fleet, upAtMs, drainedAtMs);
  const waited = Math.max(
    shareOf(waits, 0, downAtMs - beforeFromMs),
    shareOf(waits, 2, drainedAtMs - upAtMs),
  );
  const own = process.cpuUsage(cpuBefore);
  process.stdout.write(
    `${held.size} messages held while the backend was down for ${seconds(upAtMs - downAtMs)}, delivered in ${seconds(drainedAtMs - upAtMs)}: ` +
      `${Math.round(steadyRate(arrivals))}/s, at most ${mostInASecond(arrivals)} in a second; p99 of live answers ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms meanwhile; ` +
      `waits for a core ${Math.round(waited * 100)} %; ${Math.round(residentMb)} MB; CPU ${seconds(cpuMs)} of Busbar, ${seconds((own.user + own.system) / 1_000)} of this process\n`,
  );
  const found = [
    ...checkAnswers(evidence, { answerWithinMs: answerMaxMs, endMs: performance.now() }),
    ...checkDelivered(evidence),
    ...checkOrder(evidence),
    ...checkSequences(evidence),
    ...checkDuplicates(evidence, { kills: 0 }),
    ...checkIdentity(evidence, { isOwnError: () => true }),
    ...checkForeignIds(evidence),
    ...checkOneOutstanding(evidence, { callTimeoutMs: 30_000 }),
    ...checkLinks(evidence),
  ];
  expect(describeViolations(found)).toBe('');
  expect(held.size).toBeGreaterThan(stationCount * 100);
  expect(arrivals).toHaveLength(held.size);
  expect(steadyRate(arrivals)).toBeLessThan(drainPerSecond * 1.05);
  if (waited <= starvedShare) {
    expect(steadyRate(arrivals)).toBeGreaterThan(drainPerSecond * 0.85);
    expect(during).toBeLessThanOrEqual(Math.max(before * 2, noticeableMs));
  }
  expect(residentMb).toBeLessThan(residentMaxMb);
});

async function connectFleet(url: string): Promise<ScriptedStation[]> {
  const fleet = Array.from(
    { length: stationCount },
    (_, at) => new ScriptedStation(`CP-${at}`, at % 2 === 0 ? 'ocpp1.6' : 'ocpp2.0.1', url),
  );
  cleanups.push(async () => {
    for (const station of fleet) station.close();
  });
  for (let at = 0; at < fleet.length; at += 50) {
    const some = fleet.slice(at, at + 50);
    await Promise.all(some.map((station) => station.connect()));
    for (const station of some) {
      station.boot();
      station.begin();
    }
  }
  await until('the fleet is up', () => fleet.every(({ isQuiet }) => isQuiet), 60_000);
  return fleet;
}

/** Messages at fixed times, round the fleet: a reading and a heartbeat in turn. */
async function liveFor(fleet: readonly ScriptedStation[], isOn: () => boolean): Promise<void> {
  const fromMs = performance.now();
  for (let sent = 0; isOn();) {
    const due = Math.floor(((performance.now() - fromMs) / 1_000) * livePerSecond);
    for (; sent < due; sent += 1) {
      const station = fleet[sent % fleet.length];
      if ((sent + Math.floor(sent / fleet.length)) % 2 === 0) station?.reading();
      else station?.beat();
    }
    await sleep(5);
  }
  await until('live messages are answered', () => fleet.every(({ isQuiet }) => isQuiet), 30_000);
}

/** The hour: every station says something in every round, spread over it. */
async function liveThroughOutage(fleet: readonly ScriptedStation[]): Promise<void> {
  const fromMs = performance.now();
  const total = fleet.length * rounds;
  for (let said = 0; said < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - fromMs) / (rounds * roundMs)) * total));
    for (; said < due; said += 1) speak(fleet[said % fleet.length], Math.floor(said / fleet.length));
    await sleep(5);
  }
  await until('the stations are answered', () => fleet.every(({ isQuiet }) => isQuiet), 60_000);
}

function speak(station: ScriptedStation | undefined, round: number): void {
  const turn = round % sessionRounds;
  if (turn === 1) station?.end();
  else if (turn === 2) station?.begin();
  else station?.reading();
}

/** How many guaranteed messages the backend has got; looks at each of its ledgers' entries once. */
class Heard {
  readonly #backend: SimulatedBackend;
  readonly #seen = new Map<string, number>();
  #count = 0;

  constructor(backend: SimulatedBackend) {
    this.#backend = backend;
  }

  count(): number {
    for (const [station, { entries }] of this.#backend.ledgers) {
      for (let at = this.#seen.get(station) ?? 0; at < entries.length; at += 1) {
        const entry = entries[at];
        if (entry?.type === 'received' && guaranteed.test(entry.text)) this.#count += 1;
      }
      this.#seen.set(station, entries.length);
    }
    return this.#count;
  }
}

/** How many guaranteed messages the stations have sent; reads none of them, which would leave garbage to be collected while times are taken. */
function saidBy(fleet: readonly ScriptedStation[]): number {
  let count = 0;
  for (const { ledger } of fleet)
    for (const entry of ledger.entries) if (entry.type === 'sent' && guaranteed.test(entry.text)) count += 1;
  return count;
}

const guaranteed = /^\[2,"[^"]*","(?:TransactionEvent|StartTransaction|StopTransaction|MeterValues)"/;

/** What was said and answered while the backend was down, by station and content. */
function heldDuring({ stations }: Evidence, fromMs: number, toMs: number): ReadonlySet<string> {
  const held = new Set<string>();
  for (const [station, ledger] of stations)
    for (const { atMs, text, answers } of guaranteedCalls(ledger))
      if (atMs >= fromMs && atMs < toMs && answers.length > 0) held.add(`${station} ${contentOf(text)}`);
  return held;
}

/** When each of them arrived, in order of time. */
function arrivalsOf({ backends }: Evidence, held: ReadonlySet<string>): readonly number[] {
  const times: number[] = [];
  for (const ledgers of backends.values())
    for (const [station, ledger] of ledgers)
      for (const { atMs, text } of guaranteedCalls(ledger, 'received'))
        if (held.has(`${station} ${contentOf(text)}`)) times.push(atMs);
  return times.toSorted((a, b) => a - b);
}

/** A second, between the first fifth and the last: delivery starts slowly, and ends with the stations that have most. */
function steadyRate(times: readonly number[]): number {
  const from = Math.floor(times.length * 0.2);
  const to = Math.floor(times.length * 0.8);
  return ((to - from) * 1_000) / ((times[to] ?? 0) - (times[from] ?? 0));
}

function mostInASecond(times: readonly number[]): number {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last += 1) {
    while ((times[last] ?? 0) - (times[first] ?? 0) > 1_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

function p99Ms(fleet: readonly ScriptedStation[], fromMs: number, toMs: number): number {
  const times = fleet
    .flatMap(({ ledger }) => exchangesOf(ledger, 'sent').exchanges)
    .filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
    .map(({ atMs, answers }) => (answers[0]?.atMs ?? Infinity) - atMs)
    .toSorted((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? 0;
}

/** The most memory the process ever had, and the processor time it used: from /proc, where there is one. */
async function usageOf(pid: number): Promise<{ residentMb: number; cpuMs: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const kib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  // User and system time, in hundredths of a second, after the name that may hold anything.
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return { residentMb: kib / 1_024, cpuMs: (user + system) * 10 };
}

function shareOf(waits: readonly number[], from: number, ms: number): number {
  return ((waits[from + 1] ?? 0) - (waits[from] ?? 0)) / ms;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function configurationText(backend: SimulatedBackend, stationPort: number, adminPort: number): string {
  return `stations: { listen: "127.0.0.1:${stationPort}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
  only: { url: "${backend.url}/{station}", redial: { from: 100ms, to: 2s }, connectRate: ${connectsPerSecond}/s, drainRate: ${drainPerSecond}/s }
routes:
  - { stations: "*", primary: only, whenDown: cover, authorizeWhenDown: all }
`;
}
