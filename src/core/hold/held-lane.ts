/**
 * The held messages of one station for one backend: which leaves next, and what stands behind what.
 *
 * Pure. Messages leave in the order in which they were held. One that its backend refused waits, and with it all that follows in its transaction: a stop before its
 * start is worth nothing. The other transactions go on, so that one poisoned message holds up nobody else (OCPP 1.6 §3.7.1 has the station do the same).
 */
import { assert } from '../../std/assert.ts';
import { isGuaranteed } from '../../protocol/actions.ts';
import { riskAgeMs } from './billing-risk.ts';
import type { Delivery, HeldMessage } from './held-message.ts';

export interface HeldEntry {
  readonly message: HeldMessage;
  delivery: Delivery;
  /** The link, by its epoch, on which it was left unanswered in this process: its answer may still come there. */
  unansweredOn?: number;
  /** The id that it had there. */
  unansweredAs?: string;
}

/** A message, and the parked one of its transaction that it waits behind; null: behind none. */
export interface Standing {
  readonly entry: HeldEntry;
  readonly behind: HeldEntry | null;
}

/** What a lane holds, counted: `held` will leave by themselves, `parked` not before an operator decides. */
export interface LaneDepth {
  readonly held: number;
  readonly parked: number;
  /** Of transactions, no copies, and parked or held since before the time asked for. */
  readonly atRisk: number;
  /** When the oldest of these was held; Infinity: there is none. */
  readonly oldestAtRisk: number;
}

/** The longest that a message waits until it leaves again, milliseconds. */
export const retryMaxMs = 300_000;

export class HeldLane {
  readonly backend: string;
  /** It was told that the lane nears its bound, and it has not emptied enough since to tell it again. */
  isNearBound = false;
  /** Oldest first; those before `#from` are gone. */
  #entries: HeldEntry[] = [];
  #from = 0;
  /** How many of them were refused before, or are parked. */
  #blocked = 0;
  #characters = 0;
  #owed = 0;
  #sequenced = 0;
  /** As long as the lane is what it was, nothing may leave from then until then, by the wall clock: a long one behind a message that was refused is not read through for whatever its station says. null: that was not looked at. */
  #quiet: { readonly fromMs: number; readonly untilMs: number } | null = null;
  /** How many of them each transaction has. */
  readonly #ofTransaction = new Map<string, number>();

  constructor(backend: string) {
    this.backend = backend;
  }

  get length(): number {
    return this.#entries.length - this.#from;
  }

  /** Of the texts: what they weigh in memory, roughly. */
  get characters(): number {
    return this.#characters;
  }

  /** How many of them were answered in the backend's place: the others are copies, which nobody counts on. */
  get owed(): number {
    return this.#owed;
  }

  push(entry: HeldEntry): void {
    assert(
      entry.message.number > (this.#entries.at(-1)?.message.number ?? 0),
      'held messages are numbered in order',
    );
    this.#entries.push(entry);
    this.#quiet = null;
    this.#characters += entry.message.text.length;
    if (entry.message.answer !== null) this.#owed += 1;
    if (isBacklog(entry.message)) this.#sequenced += 1;
    if (isBlocked(entry.delivery)) this.#blocked += 1;
    this.#count(entry, 1);
  }

  /** True when there are messages of this transaction. */
  holds(transaction: string | null): boolean {
    return transaction !== null && this.#ofTransaction.has(transaction);
  }

  /** True when a message of this transaction, said now, has to stand behind another of it. */
  holdsUp(transaction: string | null): boolean {
    if (!this.holds(transaction)) return false;
    if (this.#blocked === 0) return true;
    for (const entry of this)
      if (entry.message.transaction === transaction && isHoldingUp(entry)) return true;
    return false;
  }

  /** True when there are messages of this transaction that was handed over. */
  holdsHanded(transaction: string | null): boolean {
    if (!this.holds(transaction)) return false;
    for (const { message } of this)
      if (message.transaction === transaction && isOfHanded(message)) return true;
    return false;
  }

  /** True when there are messages of any transaction. */
  get holdsTransactions(): boolean {
    return this.#ofTransaction.size > 0;
  }

  #count({ message: { transaction } }: HeldEntry, change: 1 | -1): void {
    if (transaction === null) return;
    const count = (this.#ofTransaction.get(transaction) ?? 0) + change;
    if (count === 0) this.#ofTransaction.delete(transaction);
    else this.#ofTransaction.set(transaction, count);
  }

  /** The next message that may leave at this wall-clock time. */
  next(wallMs: number): HeldEntry | null {
    if (this.#blocked === 0) return this.#entries[this.#from] ?? null;
    if (this.#isQuiet(wallMs)) return null;
    for (const entry of this.#due(wallMs)) return entry;
    this.#quiet = { fromMs: wallMs, untilMs: this.nextRetryAt() };
    return null;
  }

  #isQuiet(wallMs: number): boolean {
    return this.#quiet !== null && wallMs >= this.#quiet.fromMs && wallMs < this.#quiet.untilMs;
  }

  /** Those that may leave, and are behind none of their transaction that may not. What is of none keeps its place among its like while that is to leave by itself. */
  *#due(wallMs: number): Generator<HeldEntry, void, undefined> {
    const behind = new Set<string>();
    for (const entry of this) {
      const place = placeOf(entry.message);
      if (behind.has(place)) continue;
      if (isDue(entry.delivery, wallMs)) yield entry;
      else if (isHoldingUp(entry)) behind.add(place);
    }
  }

  /** When the next one that was refused may leave again: wall clock; Infinity when none is to. */
  nextRetryAt(): number {
    if (this.#quiet !== null) return this.#quiet.untilMs;
    let earliest = Infinity;
    if (this.#blocked === 0) return earliest;
    for (const { delivery } of this)
      if (delivery.state === 'waiting' && delivery.retryAt > 0)
        earliest = Math.min(earliest, delivery.retryAt);
    return earliest;
  }

  /**
   * True when a message of this transaction, said now, has to stand behind one of these: behind all that may leave, and behind what its own transaction waits for. Copies, and what
   * was handed over, are of transactions that began at another: no other transaction waits for them.
   */
  isAhead(transaction: string | null, wallMs: number): boolean {
    if (this.holdsUp(transaction)) return true;
    if (this.#sequenced === 0) return false;
    if (this.#blocked === 0) return true;
    if (this.#isQuiet(wallMs)) return false;
    for (const { message } of this.#due(wallMs)) if (isBacklog(message)) return true;
    return false;
  }

  /** True when messages of this action are yet to leave by themselves. */
  awaits(action: string): boolean {
    for (const { message, delivery } of this)
      if (message.action === action && delivery.state === 'waiting') return true;
    return false;
  }

  /** Oldest first. */
  *standings(): Generator<Standing, void, undefined> {
    const parked = new Map<string, HeldEntry>();
    for (const entry of this) {
      const { transaction } = entry.message;
      yield { entry, behind: transaction === null ? null : (parked.get(transaction) ?? null) };
      if (transaction === null || entry.delivery.state !== 'parked' || parked.has(transaction)) continue;
      if (isHoldingUp(entry)) parked.set(transaction, entry);
    }
  }

  /** `before`: wall clock. */
  depth(before: number): LaneDepth {
    let parked = 0;
    let atRisk = 0;
    let oldestAtRisk = Infinity;
    if (this.#blocked === 0) {
      // Most lanes: nothing was refused, and what is old stands first.
      for (let at = this.#from; at < this.#entries.length; at += 1) {
        const { message } = this.#entries[at] as HeldEntry;
        // Held while the clock was ahead: what came after it may well be older.
        if (message.since - before > riskAgeMs) continue;
        if (message.since >= before) break;
        if (!isOfBill(message)) continue;
        if (atRisk === 0) oldestAtRisk = message.since;
        atRisk += 1;
      }
      return { held: this.length, parked, atRisk, oldestAtRisk };
    }
    for (const { entry, behind } of this.standings()) {
      const isParked = entry.delivery.state === 'parked' || behind !== null;
      if (isParked) parked += 1;
      const { since } = entry.message;
      if (!isOfBill(entry.message) || (!isParked && since >= before)) continue;
      oldestAtRisk = Math.min(oldestAtRisk, since);
      atRisk += 1;
    }
    return { held: this.length - parked, parked, atRisk, oldestAtRisk };
  }

  /** Those of which one may have been on its way when the process ended: nobody knows what became of it. */
  *doubtful(): Generator<HeldEntry, void, undefined> {
    const behind = new Set<string>();
    for (const entry of this) {
      const place = placeOf(entry.message);
      if (behind.has(place)) continue;
      if (entry.delivery.state === 'waiting') yield entry;
      if (!isBlocked(entry.delivery)) return;
      if (isHoldingUp(entry)) behind.add(place);
    }
  }

  /** True while the late answer to one of them is waited for on that link. */
  isAwaitedOn(epoch: number): boolean {
    for (const { unansweredOn } of this) if (unansweredOn === epoch) return true;
    return false;
  }

  find(number: number): HeldEntry | null {
    for (const entry of this) if (entry.message.number === number) return entry;
    return null;
  }

  findKey(key: string): HeldEntry | null {
    for (const entry of this) if (entry.message.key === key) return entry;
    return null;
  }

  /** The one that was left unanswered on that link under this id. */
  findUnanswered(epoch: number, id: string): HeldEntry | null {
    for (const entry of this) if (entry.unansweredOn === epoch && entry.unansweredAs === id) return entry;
    return null;
  }

  mark(entry: HeldEntry, delivery: Delivery): void {
    this.#blocked += Number(isBlocked(delivery)) - Number(isBlocked(entry.delivery));
    entry.delivery = delivery;
    this.#quiet = null;
  }

  remove(entry: HeldEntry): void {
    const at = this.#entries.indexOf(entry, this.#from);
    assert(at !== -1, 'what is removed is in the lane');
    this.#quiet = null;
    if (entry.message.answer !== null) this.#owed -= 1;
    if (isBacklog(entry.message)) this.#sequenced -= 1;
    if (isBlocked(entry.delivery)) this.#blocked -= 1;
    this.#characters -= entry.message.text.length;
    this.#count(entry, -1);
    if (at !== this.#from) {
      this.#entries.splice(at, 1);
      return;
    }
    this.#from += 1;
    // Copied now and then instead of each time: a lane may be long.
    if (this.#from < 64 && this.#from < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#from);
    this.#from = 0;
  }

  *[Symbol.iterator](): Iterator<HeldEntry> {
    for (let at = this.#from; at < this.#entries.length; at += 1) yield this.#entries[at] as HeldEntry;
  }
}

/** What bills has its place in the order; what belongs to no transaction may go before it and after it (OCPP 1.6 §3.7). */
export function isSequenced({ action, transaction }: Pick<HeldMessage, 'action' | 'transaction'>): boolean {
  return transaction !== null || ofTransactions.has(action);
}

/** The station has its answer from Busbar, and what it says next is to come after it. A transaction that was handed over has nothing to do with the next one. */
function isBacklog(message: HeldMessage): boolean {
  return message.answer !== null && !isOfHanded(message) && isSequenced(message);
}

/** Its transaction was handed over, and the new owner has yet to be told of it. */
export function isOfHanded({ isHandedOver, isApart }: HeldMessage): boolean {
  return isHandedOver === true || isApart === true;
}

/** A transaction that is not kept, for the bound on those, has no key. */
const ofTransactions: ReadonlySet<string> = new Set([
  'StartTransaction',
  'StopTransaction',
  'TransactionEvent',
]);

/** What it is told in one order with: its transaction, or what is said of the like. */
function placeOf({ transaction, action }: HeldMessage): string {
  return transaction ?? action;
}

/** One that is parked holds up nothing unless it is a part of its transaction: an operator may never look at it, and what is only said of a transaction ends none. */
function isHoldingUp({ message, delivery }: HeldEntry): boolean {
  return delivery.state === 'waiting' || (message.transaction !== null && !asides.has(message.action));
}

/** 2.1: what is said of a transaction beside its own messages. */
export const asides: ReadonlySet<string> = new Set(['NotifyPriorityCharging', 'NotifySettlement']);

/** By a copy nobody bills. */
function isOfBill({ version, action, transaction, answer }: HeldMessage): boolean {
  return transaction !== null && answer !== null && isGuaranteed(version, action);
}

function isBlocked({ state, retryAt }: Delivery): boolean {
  return state === 'parked' || retryAt > 0;
}

/** A time further away than any retry was set by a clock that was ahead: nobody waits until that comes round again. */
function isDue({ state, retryAt }: Delivery, wallMs: number): boolean {
  return state === 'waiting' && (retryAt <= wallMs || retryAt - wallMs > retryMaxMs);
}
