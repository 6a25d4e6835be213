/**
 * A process that writes a journal until it is killed: it prints every position it was told is on disk, one a line, and what the journal says of itself.
 * Beside each it prints which message was held (`held NUMBER`) or is over (`over NUMBER`) by then; every third that is held is over later.
 *
 *     node journal-child.ts FILE [RECORDS]
 *
 * Without RECORDS it goes on for ever, some at a time; with it, all are frames and it ends once that many are confirmed.
 */
import { writeSync } from 'node:fs';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import type { StationRecord } from '../../src/core/journal/record.ts';
import { createJournalFeed } from '../../src/runtime/journal-feed.ts';
import { createJournal } from '../../src/runtime/journal-writer.ts';
import { deliveryRecord, frameRecord, heldRecord } from '../contract/journal-samples.ts';

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
/** A message is over after so many others were held. */
const overAfter = 6;
const numbersFrom = opened.value.lastPosition;
let appended = 0;
let confirmed = 0;

print(`opened ${journal.committedPosition}`);
appendMore();

function appendMore(): void {
  while (appended < wanted && appended - confirmed < inFlightMax) {
    appended += 1;
    const record = recordOf(appended);
    const position = journal.append(record);
    journal.afterCommit(position, confirm, position, record);
  }
}

/** Frames, and among them messages that are held; numbers grow over all processes. */
function recordOf(count: number): StationRecord {
  if (wanted < Infinity) return frameRecord({ at: count });
  const number = numbersFrom + Math.floor(count / 4);
  if (count % 4 === 0) return heldRecord(number);
  // So much later that its hold is mostly in an earlier batch.
  if (count % 4 === 1 && count > 4 * overAfter && (number - overAfter) % 3 === 0)
    return deliveryRecord(number - overAfter);
  return frameRecord({ at: count });
}

function confirm(position: number, record: StationRecord): void {
  confirmed += 1;
  print(String(position));
  if (record.type === 'held') print(`held ${record.message.number}`);
  if (record.type === 'delivery') print(`over ${record.number}`);
  if (confirmed === wanted) void journal.close();
  else appendMore();
}
