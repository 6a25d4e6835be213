/**
 * What the tests of the journal's disk share: the writing process, and what a journal file holds afterwards.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from 'node:sqlite';
import { openFile } from '../contract/journal-stores.ts';

const childFile = fileURLToPath(new URL('./journal-child.ts', import.meta.url));

/** A writing process. */
export interface WritingProcess {
  readonly child: ChildProcess;
  /** Positions it was told are on disk, so far. */
  confirmed(): number[];
  /** Numbers of the messages it was told are held on disk, and of those that are over there, so far. */
  told(what: 'held' | 'over'): number[];
  /** Names of the log lines it printed, so far. */
  events(): string[];
  /** Its exit code, null when it was killed. */
  readonly ended: Promise<number | null>;
}

/** Starts the writing process, under another command where one is given. What it prints goes into a file beside the journal. */
export function startWriting(file: string, records: number, under: readonly string[] = []): WritingProcess {
  const [command, ...args] = [...under, process.execPath, childFile, file, String(records)];
  const printed = `${file}-printed`;
  const output = openSync(printed, 'w');
  const child = spawn(command ?? process.execPath, args, { stdio: ['ignore', output, 'inherit'] });
  closeSync(output);
  const lines = (): string[] => readFileSync(printed, 'utf8').split('\n').slice(0, -1);
  return {
    child,
    confirmed: () =>
      lines()
        .filter((line) => /^\d+$/.test(line))
        .map(Number),
    told: (what) =>
      lines()
        .filter((line) => line.startsWith(`${what} `))
        .map((line) => Number(line.slice(what.length))),
    events: () => lines().filter((line) => /^[a-z_]+$/.test(line)),
    ended: new Promise((resolve) => child.once('exit', resolve)),
  };
}

/** All positions that a journal file holds, in order. */
export async function positionsIn(file: string): Promise<number[]> {
  const store = await openFile(file);
  const positions: number[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const page = await store.reader.records(after, 10_000);
    positions.push(...page.records.map(({ position }) => position));
    after = page.next;
  }
  await store.close();
  return positions;
}

/** The numbers of all messages that a journal file holds. */
export async function heldIn(file: string): Promise<number[]> {
  const store = await openFile(file);
  const held = await store.reader.held();
  await store.close();
  return [...held.values()].flat().map(({ message }) => message.number);
}

/** SQLite's own verdict on the file: 'ok', or what is wrong. */
export function integrityOf(file: string): string {
  const database = new DatabaseSync(file);
  const verdict = String(database.prepare('PRAGMA integrity_check').get()?.['integrity_check']);
  database.close();
  return verdict;
}
