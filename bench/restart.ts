/**
 * How long a start takes: from the process's start until it listens, by what the last process left in the journal.
 *
 *     node bench/restart.ts [--stations 1000] [--rounds 5]
 *
 * The journals are made beforehand, and take turns in every round. Frames are not read at a start, so that their number must not matter; held messages are.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openSqliteJournal } from '../src/adapters/sqlite/journal-store.ts';
import type { StationRecord } from '../src/core/journal/record.ts';
import { createStation } from '../src/core/station/state.ts';
import { createJournalFeed } from '../src/runtime/journal-feed.ts';
import { createJournal } from '../src/runtime/journal-writer.ts';
import { frameRecord, heldRecord, stationName } from './rig/records.ts';
import { ratios, readOptions, report, type Figure } from './rig/report.ts';
import { timeStart } from './rig/rig.ts';

interface Left {
  readonly name: string;
  readonly frames: number;
  readonly held: number;
}

const boundOfEmpty = 1.3;
const pendingMax = 8 * 1024 * 1024;
const lefts: readonly Left[] = [
  { name: 'nothing', frames: 0, held: 0 },
  { name: '10,000 records', frames: 10_000, held: 0 },
  { name: '1,000,000 records', frames: 1_000_000, held: 0 },
  { name: '10,000 held messages', frames: 0, held: 10_000 },
];
const log = { debug: print, info: print, warn: print, error: print };
const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };

const { stations, rounds, figures: file } = readOptions({ stations: 1_000, seconds: 1, rounds: 5 });
const folder = await mkdtemp(join(tmpdir(), 'busbar-bench-'));
const configurations: string[] = [];
for (const left of lefts) configurations.push(await prepare(left));
const times = lefts.map((): number[] => []);
// The first start of all translates the sources.
await timeStart(configurations[0] ?? '');
for (let round = 0; round < rounds; round += 1)
  for (let turn = 0; turn < lefts.length; turn += 1) {
    const at = (turn + round) % lefts.length;
    times[at]?.push(await timeStart(configurations[at] ?? ''));
  }
await rm(folder, { recursive: true, force: true, maxRetries: 3 });
await report(lefts.flatMap(figuresOf), file);

function figuresOf({ name }: Left, at: number): Figure[] {
  const bench = 'restart';
  const found = times[at] ?? [];
  const time: Figure = { bench, name: `with ${name}`, unit: 'ms', rounds: found, bound: null };
  if (at === 0) return [time];
  const over = ratios(found, times[0] ?? []);
  return [time, { bench, name: `${name} over nothing`, unit: '', rounds: over, bound: boundOfEmpty }];
}

/** A folder with a configuration and what an earlier process left; gives the configuration's file. */
async function prepare({ frames, held }: Left): Promise<string> {
  const own = join(folder, `${frames}-${held}`);
  await mkdir(own);
  const config = join(own, 'busbar.yaml');
  await writeFile(
    config,
    `stations:
  listen: 127.0.0.1:0
admin:
  listen: 127.0.0.1:0
storage: sqlite:./busbar.db
backends:
  only: { url: "ws://127.0.0.1:1/ocpp/{station}" }
routes:
  - { stations: "*", primary: only, whenDown: cover }
`,
  );
  if (frames + held > 0) await fill(join(own, 'busbar.db'), frames, held);
  return config;
}

async function fill(database: string, frames: number, held: number): Promise<void> {
  const retention = { framesMs: Infinity, bytesMax: Infinity };
  const opened = await openSqliteJournal({ file: database, retention, log });
  if (!opened.ok) throw new Error(opened.fault.detail);
  const journal = createJournal({ store: opened.value, feed: createJournalFeed(log), clock, log });
  const append = async (count: number, recordOf: (number: number) => StationRecord): Promise<void> => {
    for (let number = 0; number < count; number += 1) {
      journal.append(recordOf(number));
      while (journal.stats.pendingBytes > pendingMax) await nextTurn();
    }
  };
  for (let number = 0; number < stations; number += 1) {
    const station = stationName(number);
    const { durable } = createStation(station, null, 'p');
    journal.saveStation(station, { ...durable, lastSeenAt: Date.now() });
  }
  await append(frames, (number) => frameRecord(number, stations));
  await append(held, (number) => heldRecord(number, stations));
  if (!(await journal.flush(60_000))) throw new Error('the journal did not take what was to be left in it');
  let kept = 0;
  for (const entries of (await opened.value.reader.held()).values()) kept += entries.length;
  if (kept !== held) throw new Error(`${kept} of ${held} messages are held`);
  await journal.close();
}

function print(event: string, fields?: object): void {
  process.stderr.write(`${event} ${JSON.stringify(fields)}\n`);
}
