/**
 * The journal as the data plane writes it: gathers records, commits them in groups, and says when they are on disk.
 *
 * One commit runs at a time. The next starts as soon as someone waits for it, at a high rate a few milliseconds after the last (journal-pace.ts).
 * Records that nobody waits for go along, or after 50 ms by themselves. A load that is too high for the disk makes its makers wait and never reaches the
 * bound: the pressure is high from a sixteenth of it, severe from a quarter, each until half of that is gone. When the store fails, its batch is tried again every second until it is
 * taken (and a commit that hangs counts as failed while it does): nobody who waits is told meanwhile, and records beyond a bound are counted, and noted as a gap once the store is back.
 */
import { encodeRecord } from '../core/journal/codec.ts';
import type { DurableStation, JournalRecord, WrittenRecord } from '../core/journal/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { Journal, JournalPressure, JournalStats, JournalTrouble } from '../ports/journal.ts';
import type { CommitFault, JournalStore } from '../ports/journal-store.ts';
import type { Log } from '../ports/log.ts';
import type { StationId } from '../protocol/station-id.ts';
import { assert } from '../std/assert.ts';
import { SpareMemory } from './batch-body.ts';
import { GatheringBatch } from './journal-batch.ts';
import type { PublishingFeed } from './journal-feed.ts';
import { JournalPace } from './journal-pace.ts';
import { JournalWaiters } from './journal-waiters.ts';

export interface JournalOptions {
  readonly store: JournalStore;
  readonly feed: PublishingFeed;
  readonly clock: Clock;
  readonly log: Log;
  /** Bytes that may wait for a commit before records are left out; 64 MiB by default. */
  readonly pendingMax?: number;
}

/** Takes over the store: `close` closes it. */
export function createJournal(options: JournalOptions): Journal {
  return new JournalWriter(options);
}

/** A batch is sealed once its body has so many bytes. */
const batchMax = 256 * 1024;
const pendingMaxDefault = 64 * 1024 * 1024;
/** What nobody waits for is committed this long after it was appended. */
const idleCommitMs = 50;
/** How long a message to a backend waits for a commit that a station waits for too. */
const patienceMs = 5;
const retryMs = 1_000;
/** A commit that takes longer is treated like one that failed, until it ends: the disk hangs. */
const stallMs = 5_000;
/** Of what has passed between two looks at a running commit, which are an idle commit's time apart, so much counts. */
const lookMaxMs = 1_000;
/** How long `close` waits for the last commit. */
const closeMs = 5_000;

class JournalWriter implements Journal {
  readonly #options: JournalOptions;
  readonly #pendingMax: number;
  readonly #waiters = new JournalWaiters();
  /** Who gives way to the answers that wait for the same commit. */
  readonly #patient = new JournalWaiters();
  readonly #pace = new JournalPace();
  readonly #writableListeners: ((isWritable: boolean) => void)[] = [];
  readonly #flushes = new Set<{
    readonly batch: GatheringBatch;
    readonly done: (isFlushed: boolean) => void;
  }>();
  /** Sealed and not on disk, oldest first; a running commit is of the first. */
  readonly #sealed: GatheringBatch[] = [];
  readonly #memory = new SpareMemory();
  #gathering: GatheringBatch;
  #phase: 'idle' | 'planned' | 'committing' | 'failed' | 'closed' = 'idle';
  /** The batch being gathered is due: someone waits for it, or its time has come. */
  #isDue = false;
  #idleTimer: NodeJS.Timeout | null = null;
  #patienceTimer: NodeJS.Timeout | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  /** Records left out since the bound was reached. Until a commit makes room, all are. */
  #leftOut = 0;
  /** Of the batches that are not on disk. */
  #savedCharacters = 0;
  #trouble: JournalTrouble | null = null;
  #pressure: JournalPressure = 'none';
  readonly #pressureListeners: (() => void)[] = [];
  #committedPosition: number;
  #commitStartMs = 0;
  /** When the running commit was looked at last, and for how long it was seen to run. */
  #lookedAtMs = 0;
  #runningMs = 0;
  readonly stats = new Stats();

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#pendingMax = options.pendingMax ?? pendingMaxDefault;
    this.#committedPosition = options.store.lastPosition;
    this.#gathering = new GatheringBatch(options.store.lastPosition + 1, this.#memory.take());
  }

  get isWritable(): boolean {
    return this.#trouble === null;
  }

  get trouble(): JournalTrouble | null {
    return this.#trouble;
  }

  get committedPosition(): number {
    return this.#committedPosition;
  }

  onWritableChange(listener: (isWritable: boolean) => void): void {
    this.#writableListeners.push(listener);
  }

  get pressure(): JournalPressure {
    return this.#pressure;
  }

  onPressureChange(listener: () => void): void {
    this.#pressureListeners.push(listener);
  }

  append(record: WrittenRecord, isOfSameStep = false): number {
    const encoded = encodeRecord(record);
    const isTaken = this.#leftOut === 0 && this.#keptCharacters + encoded.length <= this.#pendingMax;
    if (!isTaken || this.#phase === 'closed') return this.#leaveOut();
    return this.#take(record, encoded, isOfSameStep);
  }

  afterCommit<Owner, Task>(
    position: number,
    done: (owner: Owner, task: Task) => void,
    owner: Owner,
    task: Task,
    isPatient = false,
  ): void {
    if (position === Infinity) return;
    if (position <= this.#committedPosition) {
      done(owner, task);
      return;
    }
    (isPatient ? this.#patient : this.#waiters).add(position, done, owner, task);
    if (position >= this.#gathering.first) {
      if (isPatient) this.#armPatience();
      else {
        this.#gathering.awaited += 1;
        this.#hasten();
      }
    }
  }

  saveStation(station: StationId, durable: DurableStation): void {
    const before = this.#gathering.savedCharacters;
    this.#gathering.save(station, durable);
    this.#savedCharacters += this.#gathering.savedCharacters - before;
    this.#armIdleTimer();
  }

  forgetStation(station: StationId): void {
    const before = this.#gathering.savedCharacters;
    this.#gathering.forget(station);
    this.#savedCharacters += this.#gathering.savedCharacters - before;
    this.#armIdleTimer();
  }

  flush(timeoutMs: number): Promise<boolean> {
    const batch = this.#gathering.isEmpty ? this.#sealed.at(-1) : this.#gathering;
    if (batch === undefined) return Promise.resolve(true);
    if (batch === this.#gathering) this.#hasten();
    return new Promise((resolve) => {
      const flush = {
        batch,
        done: (isFlushed: boolean) => {
          clearTimeout(timer);
          this.#flushes.delete(flush);
          resolve(isFlushed);
        },
      };
      const timer = setTimeout(() => flush.done(false), timeoutMs);
      this.#flushes.add(flush);
    });
  }

  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    const isFlushed = this.isWritable && (await this.flush(closeMs));
    const { pendingRecords } = this.stats;
    if (!isFlushed && pendingRecords > 0)
      this.#options.log.error('journal_lost', { records: pendingRecords });
    this.#phase = 'closed';
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    if (this.#patienceTimer !== null) clearTimeout(this.#patienceTimer);
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    for (const flush of this.#flushes) flush.done(false);
    await this.#options.store.close();
  }

  /** What is kept in memory; while the disk fails, what stations saved along with the records is much of it. */
  get #keptCharacters(): number {
    return this.stats.pendingBytes + (this.isWritable ? 0 : this.#savedCharacters);
  }

  #take(record: JournalRecord, encoded: string, isOfSameStep = false): number {
    // Not as soon as it is full: the rest of the step that filled it, and what that saves, belong to the same commit.
    if (this.#gathering.bytes >= batchMax && !isOfSameStep) this.#seal();
    const batch = this.#gathering;
    const bytesBefore = batch.bytes;
    const position = batch.add(record, encoded);
    this.stats.pendingRecords += 1;
    this.stats.pendingBytes += batch.bytes - bytesBefore;
    if (this.stats.pendingBytes > this.#pendingMax / 16) this.#press();
    if (batch.bytes >= batchMax) this.#hasten();
    else if (this.#idleTimer === null) this.#armIdleTimer();
    return position;
  }

  #leaveOut(): number {
    if (this.#leftOut === 0 && this.#phase !== 'closed') {
      this.#options.log.error('journal_bound_reached', { bytes: this.stats.pendingBytes });
      this.#setTrouble(this.#trouble ?? 'bound_reached');
    }
    this.#leftOut += 1;
    this.stats.recordsMissed += 1;
    return Infinity;
  }

  #armIdleTimer(): void {
    this.#idleTimer ??= setTimeout(() => {
      this.#idleTimer = null;
      if (this.#phase === 'committing') {
        this.#noticeStall();
        this.#armIdleTimer();
      }
      if (!this.#gathering.isEmpty) this.#hasten();
    }, idleCommitMs);
  }

  /** Somebody patient waits: for the next commit, or for one of its own before long. */
  #armPatience(): void {
    this.#patienceTimer ??= setTimeout(() => {
      this.#patienceTimer = null;
      if (!this.#gathering.isEmpty) this.#hasten();
    }, patienceMs);
  }

  /** The batch being gathered is to be committed as soon as the pace allows. */
  #hasten(): void {
    this.#isDue = true;
    this.#plan();
  }

  /** Starts a commit, now or when the pace allows; while one runs or has failed, its end looks at what is due. */
  #plan(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'planned';
    const waitMs = this.#pace.waitMs(this.#options.clock.nowMs());
    // After the reads of this turn of the event loop, so that what came in together is committed together.
    if (waitMs === 0) setImmediate(() => this.#start());
    else setTimeout(() => this.#start(), waitMs);
  }

  #start(): void {
    if (this.#phase === 'closed') return;
    if (this.#isDue) this.#seal();
    const batch = this.#sealed[0];
    if (batch === undefined) {
      this.#phase = 'idle';
      return;
    }
    this.#phase = 'committing';
    // A disk that hangs is noticed by it, also where nothing more is to be written.
    this.#armIdleTimer();
    this.#commitStartMs = this.#options.clock.nowMs();
    this.#lookedAtMs = this.#commitStartMs;
    this.#runningMs = 0;
    this.#pace.started(this.#commitStartMs, batch.awaited);
    void this.#options.store.commit(batch).then((fault) => {
      this.stats.committed((this.#options.clock.nowMs() - this.#commitStartMs) / 1_000);
      return fault === null ? this.#succeeded(batch) : this.#failed(fault);
    });
  }

  #seal(): void {
    this.#isDue = false;
    if (this.#gathering.isEmpty) return;
    // Behind others it may wait for as long as the disk fails.
    if (this.#sealed.length > 0) this.#memory.giveBack(this.#gathering.shrink());
    this.#sealed.push(this.#gathering);
    this.#gathering = new GatheringBatch(this.#gathering.last + 1, this.#memory.take());
  }

  #succeeded(batch: GatheringBatch): void {
    this.#sealed.shift();
    this.#committedPosition = batch.last;
    this.stats.commits += 1;
    this.stats.records += batch.records;
    this.stats.pendingRecords -= batch.records;
    this.stats.pendingBytes -= batch.bytes;
    this.#savedCharacters -= batch.savedCharacters;
    this.#noteGap();
    this.#setTrouble(null);
    this.#ease();
    for (const waiters of [this.#waiters, this.#patient])
      waiters.release(batch.last, (error) =>
        this.#options.log.error('journal_waiter_broken', { error: String(error) }),
      );
    this.#options.feed.publish(batch);
    this.#memory.giveBack(batch.memory);
    for (const flush of this.#flushes) if (flush.batch === batch) flush.done(true);
    if (this.#phase === 'closed') return;
    assert(this.#phase === 'committing', 'a commit ends once');
    this.#phase = 'idle';
    if (this.#sealed.length > 0) this.#start();
    else if (this.#isDue) this.#plan();
  }

  #failed(fault: CommitFault): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'failed';
    this.#options.log.error('journal_commit_failed', { fault: fault.fault, detail: fault.detail });
    this.#setTrouble(fault.fault);
    this.#retryTimer = setTimeout(() => this.#start(), retryMs);
  }

  /** While the process itself stood still, with its machine or at a signal, so did the commit: its end is yet to be heard of. */
  #noticeStall(): void {
    const nowMs = this.#options.clock.nowMs();
    this.#runningMs += Math.min(nowMs - this.#lookedAtMs, lookMaxMs);
    this.#lookedAtMs = nowMs;
    if (this.#runningMs < stallMs || !this.isWritable) return;
    this.#options.log.error('journal_commit_stalled', { seconds: Math.round(this.#runningMs / 1_000) });
    this.#setTrouble('stalled');
  }

  /** There is room again: says how many records are missing before what comes next. */
  #noteGap(): void {
    if (this.#leftOut === 0) return;
    const record = {
      type: 'gap',
      at: this.#options.clock.wallMs(),
      records: this.#leftOut,
      cause: 'not_kept',
    } as const;
    this.#options.log.warn('journal_gap', { records: this.#leftOut });
    this.#leftOut = 0;
    this.#take(record, encodeRecord(record));
    this.#isDue = true;
  }

  /** More than a sixteenth of the bound waits. */
  #press(): void {
    if (this.#pressure === 'severe' || !this.isWritable) return;
    if (this.stats.pendingBytes > this.#pendingMax / 4) this.#setPressure('severe');
    else if (this.#pressure === 'none') this.#setPressure('high');
  }

  /** Half of what raised the pressure is gone. */
  #ease(): void {
    const { pendingBytes } = this.stats;
    if (this.#pressure === 'severe' && pendingBytes < this.#pendingMax / 8) this.#setPressure('high');
    if (this.#pressure === 'high' && pendingBytes < this.#pendingMax / 32) this.#setPressure('none');
  }

  #setPressure(pressure: JournalPressure): void {
    if (this.#pressure === pressure) return;
    this.#pressure = pressure;
    for (const listener of this.#pressureListeners) listener();
  }

  #setTrouble(trouble: JournalTrouble | null): void {
    const wasWritable = this.isWritable;
    this.#trouble = trouble;
    const isWritable = this.isWritable;
    if (isWritable === wasWritable) return;
    if (!isWritable) this.#setPressure('none');
    this.#options.log.warn(isWritable ? 'journal_writable' : 'journal_unwritable');
    for (const listener of this.#writableListeners) listener(isWritable);
  }
}

class Stats implements JournalStats {
  commits = 0;
  records = 0;
  recordsMissed = 0;
  pendingBytes = 0;
  pendingRecords = 0;
  readonly #listeners: ((seconds: number) => void)[] = [];

  onCommit(listener: (seconds: number) => void): void {
    this.#listeners.push(listener);
  }

  /** A commit ended, well or not. */
  committed(seconds: number): void {
    for (const listener of this.#listeners) listener(seconds);
  }
}
