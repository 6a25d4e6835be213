/**
 * The simulated disk, and the journal on it.
 *
 * Pure. The disk outlives processes, the journal is one process's way to it: group commit with a delay, failing while the disk fails, and
 * forgetting what was not committed when its process is killed. It keeps the promises of the journal port, no more.
 */
import { freshDelivery } from '../../core/hold/fresh-delivery.ts';
import type { HeldEntry } from '../../core/hold/held-lane.ts';
import type { LearnedToken } from '../../core/hold/held-message.ts';
import type { BillingRisk } from '../../core/hold/billing-risk.ts';
import type { DurableStation, JournalRecord, WrittenRecord } from '../../core/journal/record.ts';
import { positionsOf } from '../../core/journal/record.ts';
import { framesOf, type JournalFrame } from '../../core/journal/frame-view.ts';
import { relearntMs } from '../../core/station/relearn.ts';
import type { FrameQuery, Journal, JournalPressure, JournalStats } from '../../ports/journal.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { Random, Range } from '../random.ts';
import type { Scheduler } from './scheduler.ts';

export interface Disk {
  readonly records: JournalRecord[];
  readonly stations: Map<StationId, DurableStation>;
  /** By station and number. */
  readonly held: Map<StationId, Map<number, HeldEntry>>;
  readonly tokens: Map<string, LearnedToken>;
  readonly risks: Map<string, BillingRisk>;
  /** Positions given to everything above. */
  position: number;
  isFailing: boolean;
  /** Told of each record as it reaches the disk. */
  onCommitted: (record: JournalRecord) => void;
}

export function createDisk(): Disk {
  return {
    records: [],
    stations: new Map(),
    held: new Map(),
    tokens: new Map(),
    risks: new Map(),
    position: 0,
    isFailing: false,
    onCommitted: () => undefined,
  };
}

export interface SimulatedJournal extends Journal {
  /** Frames that are on disk, or will be once this commit and the next are done: what a reader gets after a flush. */
  recall(query: FrameQuery): readonly JournalFrame[];
  /** The process dies: what is not committed is lost, a commit that is under way may or may not have made it. */
  kill(): void;
}

/** Records that wait at most while the disk fails; further ones are counted as missing. */
export const pendingRecordsMax = 1_000;

/** Records waiting for a commit from which on those who make them should wait. */
const pressedRecords = 200;

const retryMs = 1_000;
/** What nobody waits for is committed this late. */
const idleCommitMs = 50;

interface Entry {
  readonly position: number;
  readonly record: WrittenRecord | null;
  /** `durable` null: it is forgotten. */
  readonly save: { readonly station: StationId; readonly durable: DurableStation | null } | null;
}

interface Waiter {
  readonly position: number;
  readonly run: () => void;
}

/** Opens the journal of one process. `commitMs` is what a commit takes. */
export function openJournal(
  disk: Disk,
  scheduler: Scheduler,
  random: Random,
  commitMs: Range,
): SimulatedJournal {
  return new DiskJournal(disk, scheduler, random, commitMs);
}

class DiskJournal implements SimulatedJournal {
  readonly #disk: Disk;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #commitMs: Range;
  #pending: Entry[] = [];
  #committing: readonly Entry[] | null = null;
  #waiters: Waiter[] = [];
  #listeners: ((isWritable: boolean) => void)[] = [];
  #position: number;
  /** When the next commit starts; Infinity: none is planned. */
  #plannedMs = Infinity;
  #isRetrying = false;
  #missed = 0;
  #isDead = false;
  readonly #pressureListeners: (() => void)[] = [];
  isWritable = true;
  readonly trouble = null;
  pressure: JournalPressure = 'none';
  committedPosition: number;

  constructor(disk: Disk, scheduler: Scheduler, random: Random, commitMs: Range) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#commitMs = commitMs;
    this.#position = disk.position;
    this.committedPosition = disk.position;
  }

  append(record: WrittenRecord): number {
    if (this.#missed > 0 || this.#pending.length >= pendingRecordsMax) return this.#leaveOut();
    this.#position += positionsOf(record);
    this.#enter({ position: this.#position, record, save: null });
    return this.#position;
  }

  saveStation(station: StationId, durable: DurableStation): void {
    this.#enter({ position: this.#position, record: null, save: { station, durable } });
  }

  forgetStation(station: StationId): void {
    this.#enter({ position: this.#position, record: null, save: { station, durable: null } });
  }

  afterCommit<Owner, Task>(
    position: number,
    done: (owner: Owner, task: Task) => void,
    owner: Owner,
    task: Task,
  ): void {
    if (position === Infinity) return;
    if (this.committedPosition >= position) return done(owner, task);
    this.#waiters.push({ position, run: () => done(owner, task) });
    this.#commitSoon(0);
  }

  onWritableChange(listener: (isWritable: boolean) => void): void {
    this.#listeners.push(listener);
  }

  onPressureChange(listener: () => void): void {
    this.#pressureListeners.push(listener);
  }

  /** Virtual time cannot be awaited: whoever drains asks for the commit of the last position instead. */
  flush(): Promise<boolean> {
    return Promise.resolve(this.#pending.length === 0 && this.#committing === null);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  get stats(): JournalStats {
    const pendingRecords = this.#pending.length + (this.#committing?.length ?? 0);
    return {
      commits: 0,
      records: 0,
      recordsMissed: this.#missed,
      pendingBytes: 0,
      pendingRecords,
      onCommit: () => undefined,
    };
  }

  recall({ station, action, fromMs = 0, after = Infinity, limit }: FrameQuery): readonly JournalFrame[] {
    const entries = [...(this.#committing ?? []), ...this.#pending];
    const records = [...this.#disk.records, ...entries.flatMap(({ record }) => record ?? [])];
    const found: JournalFrame[] = [];
    for (let at = records.length - 1; at >= 0 && found.length < limit; at -= 1) {
      const frames = framesOf(records[at] as JournalRecord, 2 * at).toReversed();
      const isWanted = (frame: JournalFrame): boolean =>
        frame.station === station && frame.action === action && frame.at >= fromMs && frame.position < after;
      found.push(...frames.filter(isWanted));
    }
    return found;
  }

  kill(): void {
    this.#isDead = true;
    if (this.#committing !== null && !this.#disk.isFailing && this.#random.chance(0.5))
      this.#write(this.#committing);
  }

  #enter(entry: Entry): void {
    this.#pending.push(entry);
    this.#weigh();
    this.#commitSoon(idleCommitMs);
  }

  #leaveOut(): number {
    this.#missed += 1;
    this.#setWritable(false);
    return Infinity;
  }

  #commitSoon(delayMs: number): void {
    const atMs = this.#scheduler.nowMs + delayMs;
    if (this.#committing !== null || this.#isRetrying || this.#plannedMs <= atMs) return;
    this.#plannedMs = atMs;
    this.#scheduler.at(atMs, () => {
      if (this.#isDead || this.#plannedMs !== atMs) return;
      this.#plannedMs = Infinity;
      if (this.#committing === null && !this.#isRetrying) this.#commit();
    });
  }

  #commit(): void {
    const batch = sealed(this.#pending);
    if (batch.length === 0) return;
    this.#pending = [];
    this.#committing = batch;
    this.#weigh();
    this.#scheduler.after(this.#random.within(this.#commitMs), () => {
      if (!this.#isDead) this.#onCommitDone(batch);
    });
  }

  #onCommitDone(batch: readonly Entry[]): void {
    this.#committing = null;
    if (this.#disk.isFailing) {
      this.#pending = [...batch, ...this.#pending];
      this.#isRetrying = true;
      this.#scheduler.after(retryMs, () => {
        this.#isRetrying = false;
        if (!this.#isDead) this.#commit();
      });
      return this.#setWritable(false);
    }
    this.#write(batch);
    this.#setWritable(true);
    this.#runWaiters();
    this.#commitSoon(this.#waiters.length > 0 ? 0 : idleCommitMs);
  }

  #write(batch: readonly Entry[]): void {
    for (const { position, record, save } of batch) {
      if (record !== null) {
        this.#disk.records.push(record);
        keep(this.#disk, record);
        this.#disk.onCommitted(record);
      }
      if (save?.durable === null) this.#disk.stations.delete(save.station);
      else if (save !== null) this.#disk.stations.set(save.station, save.durable);
      this.committedPosition = position;
      this.#disk.position = position;
    }
    if (this.#missed > 0) this.#writeGap();
  }

  #writeGap(): void {
    this.#position += 1;
    this.#disk.records.push({
      type: 'gap',
      at: this.#scheduler.nowMs,
      records: this.#missed,
      cause: 'not_kept',
    });
    this.#missed = 0;
  }

  #runWaiters(): void {
    const due = this.#waiters.filter((waiter) => waiter.position <= this.committedPosition);
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > this.committedPosition);
    for (const waiter of due) waiter.run();
  }

  /** From a number of waiting records on the pressure is severe, until half of them are gone. */
  #weigh(): void {
    const waiting = this.#pending.length;
    const bound = this.pressure === 'none' ? pressedRecords : pressedRecords / 2;
    const pressure = this.isWritable && waiting > bound ? 'severe' : 'none';
    if (pressure === this.pressure) return;
    this.pressure = pressure;
    for (const listener of this.#pressureListeners) listener();
  }

  #setWritable(isWritable: boolean): void {
    if (this.isWritable === isWritable) return;
    this.isWritable = isWritable;
    this.#weigh();
    for (const listener of this.#listeners) listener(isWritable);
  }
}

/** The entries with each station as it is now, once: its process goes on changing it in place. */
function sealed(entries: readonly Entry[]): Entry[] {
  const saved = new Set<StationId>();
  const batch: Entry[] = [];
  for (const { position, record, save } of entries.toReversed()) {
    const isLast = save !== null && !saved.has(save.station);
    if (isLast) saved.add(save.station);
    const durable = isLast && save.durable !== null ? savedCopy(save.durable) : null;
    const copy = isLast ? { station: save.station, durable } : null;
    batch.push({ position, record, save: copy });
  }
  return batch.toReversed();
}

/** As it is now. */
export function savedCopy({ image, inventory, ...rest }: DurableStation): DurableStation {
  return {
    ...copied(rest),
    image: { ...image, statuses: [...image.statuses] },
    inventory: { ...inventory, settings: { ...inventory.settings } },
  };
}

/** What a start reads of the records. */
export function recentOn({ records }: Disk): readonly JournalRecord[] {
  const fromMs = (records.at(-1)?.at ?? 0) - relearntMs;
  return records.slice(records.findLastIndex(({ at }) => at < fromMs) + 1);
}

/** Of values as JSON has them. A structured clone of each save would take a fifth of a simulated life. */
function copied<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied) as Value;
  const copy: Record<string, unknown> = { ...(value as object) };
  for (const name in copy) if (typeof copy[name] === 'object') copy[name] = copied(copy[name]);
  return copy as Value;
}

/** What is read back at a start, beside the stations. */
function keep({ held, tokens, risks }: Disk, record: WrittenRecord): void {
  if (record.type === 'billing') {
    const { backend, change, since, stations, messages, oldest } = record;
    if (change === 'over') risks.delete(backend);
    else risks.set(backend, { since, stations, messages, oldest });
  }
  if (record.type === 'learned') tokens.set(record.token, record.learned);
  if (record.type === 'held') {
    const messages = held.get(record.station) ?? new Map<number, HeldEntry>();
    held.set(
      record.station,
      messages.set(record.message.number, { message: record.message, delivery: freshDelivery }),
    );
  }
  if (record.type !== 'delivery') return;
  const messages = held.get(record.station);
  const entry = messages?.get(record.number);
  if (record.delivery === null) messages?.delete(record.number);
  else if (entry !== undefined) messages?.set(record.number, { ...entry, delivery: record.delivery });
}
