/**
 * What the journal costs: processor time a record at saturation, on the main thread and on the writer's, and the time from append to durable.
 *
 *     node bench/journal.ts [stations]
 *
 * Prints one table. The record is a relayed MeterValues call or its answer, in turn, which is one record for both hops.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { openSqliteJournal } from '../src/adapters/sqlite/journal-store.ts';
import type { Journal } from '../src/ports/journal.ts';
import { createJournalFeed } from '../src/runtime/journal-feed.ts';
import { createJournal } from '../src/runtime/journal-writer.ts';
import { frameRecord } from './rig/records.ts';

const stations = Number(process.argv[2] ?? 250);
const folder = await mkdtemp(join(tmpdir(), 'busbar-bench-'));
const file = join(folder, 'journal.db');
const log = { debug: print, info: print, warn: print, error: print };
const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };
const opened = await openSqliteJournal({ file, retention: { framesMs: Infinity, bytesMax: Infinity }, log });
if (!opened.ok) throw new Error(opened.fault.detail);
const journal = createJournal({ store: opened.value, feed: createJournalFeed(log), clock, log });
let count = 0;
/** Made beforehand, so that making them is not measured. */
const pool = Array.from({ length: 2_000 }, (_, number) => frameRecord(number, stations));

line('', [
  'records/s',
  'commits/s',
  'append µs/record',
  'main thread µs/record',
  'process µs/record',
  'p50 ms',
  'p99 ms',
]);
await run({ name: 'warm-up', records: 200_000, waitEvery: 10, perSecond: Infinity });
await run({ name: '500/s, all waited for', records: 2_000, waitEvery: 1, perSecond: 500 });
await run({ name: '3,000/s, all waited for', records: 12_000, waitEvery: 1, perSecond: 3_000 });
await run({ name: '30,000/s, a tenth waited for', records: 120_000, waitEvery: 10, perSecond: 30_000 });
await run({ name: 'saturated', records: 600_000, waitEvery: 10, perSecond: Infinity });
await journal.close();
const { size } = await stat(file);
process.stdout.write(
  `${count} records in ${(size / 1e6).toFixed(1)} MB: ${Math.round(size / count)} bytes a record\n`,
);
await rm(folder, { recursive: true });

interface Run {
  readonly name: string;
  readonly records: number;
  /** Every n-th record is waited for. */
  readonly waitEvery: number;
  /** Infinity: as fast as they are committed. */
  readonly perSecond: number;
}

async function run({ name, records, waitEvery, perSecond }: Run): Promise<void> {
  const latencies: number[] = [];
  const isSaturated = perSecond === Infinity;
  const commitsBefore = journal.stats.commits;
  const processBefore = process.cpuUsage();
  const threadBefore = process.threadCpuUsage();
  const startMs = performance.now();
  let appendMs = 0;
  for (let done = 0; done < records;) {
    const elapsedMs = performance.now() - startMs;
    const due = Math.min(records, isSaturated ? done + 300 : Math.ceil((elapsedMs / 1_000) * perSecond));
    const fromMs = performance.now();
    for (; done < due; done += 1) append(journal, latencies, done % waitEvery === 0);
    appendMs += performance.now() - fromMs;
    // At saturation the next records come when the commits keep up.
    if (!isSaturated || journal.stats.pendingBytes > 1024 * 1024) await sleep(1);
    else await nextTurn();
  }
  await journal.flush(10_000);
  const seconds = (performance.now() - startMs) / 1_000;
  const main = microseconds(process.threadCpuUsage(threadBefore)) / records;
  const all = microseconds(process.cpuUsage(processBefore)) / records;
  const sorted = latencies.toSorted((a, b) => a - b);
  const cells = [
    records / seconds,
    (journal.stats.commits - commitsBefore) / seconds,
    (appendMs * 1_000) / records,
    main,
    all,
    sorted[Math.floor(sorted.length / 2)] ?? 0,
    sorted[Math.floor(sorted.length * 0.99)] ?? 0,
  ];
  line(
    name,
    cells.map((cell) => (cell >= 100 ? cell.toFixed(0) : cell.toFixed(2))),
  );
}

function append(to: Journal, latencies: number[], isWaitedFor: boolean): void {
  count += 1;
  const record = pool[count % pool.length];
  if (record === undefined) return;
  const position = to.append(record);
  if (isWaitedFor) to.afterCommit(position, noteLatency, latencies, performance.now());
}

function noteLatency(latencies: number[], fromMs: number): void {
  latencies.push(performance.now() - fromMs);
}

function microseconds(usage: NodeJS.CpuUsage): number {
  return usage.user + usage.system;
}

function line(name: string, cells: readonly string[]): void {
  process.stdout.write(`${name.padEnd(30)}${cells.map((cell) => cell.padStart(23)).join('')}\n`);
}

function print(event: string, fields?: object): void {
  process.stderr.write(`${event} ${JSON.stringify(fields)}\n`);
}
