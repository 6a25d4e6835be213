/**
 * The journal in memory: for `:memory:`, where it ends with the process, and for simulations, where its disk outlives a store and fails when told to.
 */
import { decodeRecords, type PlacedRecord } from '../../core/journal/codec.ts';
import { freshDelivery } from '../../core/hold/fresh-delivery.ts';
import { learnedTokensMax } from '../../core/cover/learned-tokens.ts';
import type { BillingRisk } from '../../core/hold/billing-risk.ts';
import type { Delivery, HeldMessage, LearnedToken } from '../../core/hold/held-message.ts';
import type { JournalFrame } from '../../core/journal/frame-view.ts';
import type { DurableStation } from '../../core/journal/record.ts';
import { selectFrames } from '../../core/journal/selection.ts';
import { isRelearnt, relearntMs } from '../../core/station/relearn.ts';
import type { HeldEntry } from '../../core/hold/held-lane.ts';
import type { FrameQuery, JournalReader } from '../../ports/journal.ts';
import type { KeptChange } from '../../core/journal/kept-changes.ts';
import type { CommitFault, JournalBatch, JournalStore, Retention } from '../../ports/journal-store.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { assert } from '../../std/assert.ts';
import { forgetOldest } from '../../std/forget-oldest.ts';

/** A batch as it lies on the disk: the memory of its body was only lent. */
interface KeptBatch extends Pick<JournalBatch, 'first' | 'last' | 'atTo' | 'stations'> {
  readonly text: string;
}

/** What a store writes to. One that is opened again holds what was committed to it. */
export interface MemoryDisk {
  readonly batches: KeptBatch[];
  readonly stations: Map<StationId, string>;
  /** Held messages by station and number, as JSON. */
  readonly held: Map<StationId, Map<number, { readonly message: string; readonly delivery: string }>>;
  /** What was learned of tokens, by digest, as JSON. */
  readonly tokens: Map<string, string>;
  /** Where billing is at risk, by backend, as JSON. */
  readonly risks: Map<string, string>;
  /** Characters of the batches' bodies. */
  size: number;
  /** Asked for every commit: the fault it ends with, or null. */
  faultOf: () => CommitFault | null;
  /** Runs what ends a commit, at once or later: in a simulation, by its clock. */
  finish: (end: () => void) => void;
}

/** An empty disk that never fails and takes one turn of the event loop for a commit. */
export function createMemoryDisk(): MemoryDisk {
  return {
    batches: [],
    stations: new Map(),
    held: new Map(),
    tokens: new Map(),
    risks: new Map(),
    size: 0,
    faultOf: () => null,
    finish: (end) => setImmediate(end),
  };
}

export interface MemoryJournalStore extends JournalStore {
  /** Ends the store as a crash would: a running commit is lost and never answered. */
  abandon(): void;
}

/** Opens the journal on a disk. */
export function openMemoryJournal(
  disk: MemoryDisk,
  firstRetention: Retention,
  wallMs: () => number,
): MemoryJournalStore {
  let retention = firstRetention;
  let isOpen = true;
  let isCommitting = false;
  return {
    lastPosition: disk.batches.at(-1)?.last ?? 0,
    commit(batch) {
      assert(isOpen && !isCommitting, 'an open store runs one commit at a time');
      isCommitting = true;
      return new Promise((resolve) => {
        disk.finish(() => {
          if (!isOpen) return;
          isCommitting = false;
          const fault = disk.faultOf();
          if (fault === null) {
            write(disk, batch);
            sweep(disk, retention, wallMs());
          }
          resolve(fault);
        });
      });
    },
    retain(changed) {
      retention = changed;
    },
    reader: readerOf(disk),
    close() {
      isOpen = false;
      return Promise.resolve();
    },
    abandon() {
      isOpen = false;
    },
  };
}

const utf8 = new TextDecoder();

function write(disk: MemoryDisk, batch: JournalBatch): void {
  for (const [station, state] of batch.saved) {
    if (state === null) disk.stations.delete(station);
    else disk.stations.set(station, state);
  }
  for (const change of batch.kept) keep(disk, change);
  if (batch.records === 0) return;
  const newest = disk.batches.at(-1);
  if (newest?.first === batch.first) {
    disk.batches.pop();
    disk.size -= newest.text.length;
  }
  assert(batch.first > (disk.batches.at(-1)?.last ?? 0), 'positions grow');
  const { first, last, atTo, stations, body } = batch;
  const text = utf8.decode(body);
  disk.batches.push({ first, last, atTo, stations, text });
  disk.size += text.length;
}

function keep(disk: MemoryDisk, change: KeptChange): void {
  if (change.do === 'learn') {
    disk.tokens.delete(change.token);
    if (disk.tokens.size >= learnedTokensMax) forgetOldest(disk.tokens);
    disk.tokens.set(change.token, change.learned);
    return;
  }
  if (change.do === 'risk') {
    if (change.risk === null) disk.risks.delete(change.backend);
    else disk.risks.set(change.backend, change.risk);
    return;
  }
  const { station, number } = change;
  const messages = disk.held.get(station) ?? new Map<number, { message: string; delivery: string }>();
  const there = messages.get(number);
  switch (change.do) {
    case 'hold':
      if (there === undefined)
        messages.set(number, { message: change.message, delivery: JSON.stringify(freshDelivery) });
      break;
    case 'mark':
      if (there !== undefined) messages.set(number, { message: there.message, delivery: change.delivery });
      break;
    case 'release':
      messages.delete(number);
  }
  if (messages.size > 0) disk.held.set(station, messages);
  else disk.held.delete(station);
}

/** The newest batch stays, since the next position is counted from it. One that is dated in the future is as old as the next one that is not. */
function sweep(disk: MemoryDisk, { framesMs, bytesMax }: Retention, nowMs: number): void {
  let spent = 0;
  for (const [at, batch] of disk.batches.slice(0, -1).entries()) {
    const isOld = timeOf(disk.batches, at, nowMs) < nowMs - framesMs;
    if (!isOld && disk.size <= bytesMax) break;
    disk.size -= batch.text.length;
    spent += 1;
  }
  disk.batches.splice(0, spent);
}

function timeOf(batches: MemoryDisk['batches'], at: number, nowMs: number): number {
  let dated = at;
  while (dated < batches.length && (batches[dated] as KeptBatch).atTo > nowMs) dated += 1;
  return batches[dated]?.atTo ?? Infinity;
}

function readerOf(disk: MemoryDisk): JournalReader {
  return {
    frames: (query) => Promise.resolve(framesOn(disk, query)),
    records(after, limit) {
      const records: PlacedRecord[] = [];
      for (const batch of disk.batches) {
        if (batch.last <= after) continue;
        const placed = decodeRecords(batch.text, batch.first, { fromPosition: after + 1 });
        assert(placed.ok, 'memory keeps what was written');
        records.push(...placed.value.filter(({ position }) => position > after));
        if (records.length > limit) break;
      }
      const page = records.slice(0, limit);
      return Promise.resolve({
        records: page,
        next: records.length > limit ? (page.at(-1)?.position ?? null) : null,
      });
    },
    recent() {
      const records = disk.batches.flatMap(({ text, first }) => {
        const placed = decodeRecords(text, first);
        assert(placed.ok, 'memory keeps what was written');
        return placed.value.map(({ record }) => record);
      });
      const fromMs = (records.at(-1)?.at ?? 0) - relearntMs;
      return Promise.resolve(records.filter((record) => record.at >= fromMs && isRelearnt(record)));
    },
    stations: () =>
      Promise.resolve(
        new Map([...disk.stations].map(([id, state]) => [id, JSON.parse(state) as DurableStation])),
      ),
    held: () =>
      Promise.resolve(new Map([...disk.held].map(([station, messages]) => [station, entriesOf(messages)]))),
    tokens: () =>
      Promise.resolve(
        new Map([...disk.tokens].map(([token, learned]) => [token, JSON.parse(learned) as LearnedToken])),
      ),
    risks: () =>
      Promise.resolve(
        new Map([...disk.risks].map(([backend, risk]) => [backend, JSON.parse(risk) as BillingRisk])),
      ),
    close: () => Promise.resolve(),
  };
}

function entriesOf(messages: ReadonlyMap<number, { message: string; delivery: string }>): HeldEntry[] {
  return [...messages]
    .sort(([one], [other]) => one - other)
    .map(([, { message, delivery }]) => ({
      message: JSON.parse(message) as HeldMessage,
      delivery: JSON.parse(delivery) as Delivery,
    }));
}

function framesOn(disk: MemoryDisk, query: FrameQuery): JournalFrame[] {
  const found: JournalFrame[] = [];
  const batches = query.order === 'desc' ? disk.batches.toReversed() : disk.batches;
  for (const batch of batches) {
    if (query.station !== undefined && !batch.stations.has(query.station)) continue;
    const frames = selectFrames(batch.text, batch.first, query);
    assert(frames.ok, 'memory keeps what was written');
    found.push(...frames.value);
    if (found.length >= query.limit) break;
  }
  return found.slice(0, query.limit);
}
