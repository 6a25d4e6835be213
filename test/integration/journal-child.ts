/**
 * A process that writes a journal until it is killed: it prints every position it was told is on disk, one a line, and what the journal says of itself.
 *
 *     node journal-child.ts FILE [RECORDS]
 *
 * Without RECORDS it goes on for ever, some at a time; with it, it ends once that many are confirmed.
 */
import { writeSync } from 'node:fs';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import { createJournalFeed } from '../../src/runtime/journal-feed.ts';
import { createJournal } from '../../src/runtime/journal-writer.ts';
import { frameRecord } from '../contract/journal-samples.ts';

const [file = '', records = 'Infinity'] = process.argv.slice(2);
const wanted = Number(records);
// Straight to the descriptor, which is a file: what was printed is out when the process is killed.
const print = (line: string): void => void writeSync(1, `${line}\n`);
const log = { debug: print, info: print, warn: print, error: print };
const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };
const retention = { framesMs: Infinity, bytesMax: Infinity };
const opened = await openSqliteJournal({ file, retention, log });
if (!opened.ok) throw new Error(opened.fault.detail);
const journal = createJournal({ store: opened.value, feed: createJournalFeed(log), clock, log });
const inFlightMax = 20;
let appended = 0;
let confirmed = 0;

print(`opened ${journal.committedPosition}`);
appendMore();

function appendMore(): void {
  while (appended < wanted && appended - confirmed < inFlightMax) {
    appended += 1;
    const position = journal.append(frameRecord({ at: appended }));
    journal.afterCommit(position, confirm, position, null);
  }
}

function confirm(position: number): void {
  confirmed += 1;
  print(String(position));
  if (confirmed === wanted) void journal.close();
  else appendMore();
}
