/**
 * What only the world can see while it runs: the moment of a byte, the inside of a process, the order of things within one event.
 *
 * Pure. It stands at the gateway's end of every link and at its journal. The claims that ledgers can tell are left to checkers.ts; these are: D1 (an answer leaves after
 * the commit), S1 (at the sender's end), S7 (an old link's event moves nothing), D7 (every frame is on record, and what is queued is settled), S8 (high-water marks).
 */
import type { JournalRecord, StationRecord } from '../../core/journal/record.ts';
import { laneCallsMax } from '../../core/station/state.ts';
import { isGuaranteed } from '../../protocol/actions.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { violation, type Bound, type Violation } from '../checkers.ts';
import { contentOf, readMessage } from '../read-once.ts';
import { pendingRecordsMax } from './disk.ts';
import { readAheadMax, type Happening, type LinkEnd, type Operation } from './link-pair.ts';

/** Deadlines are sums of fractions: they may be off by a hair. */
const clockGrainMs = 1;

/** A call that came in from a peer. */
interface Incoming {
  readonly text: string;
  readonly isKept: boolean;
  readonly atMs: number;
  answers: number;
}

/** Which way waiting calls go. */
type Lane = 'toStation' | 'toBackends';

/** Of one gateway end. */
interface EndFacts {
  readonly version: OcppVersion;
  /** The gateway itself closed or cut it, or has taken a newer one for the same purpose. */
  isOver: boolean;
  /** The gateway's own call that is not answered yet. */
  outgoing: { readonly id: string; readonly sentAtMs: number } | null;
  /** Answers that came while no call of their id was out, by id. */
  readonly early: Set<string>;
  /** The peer's calls that came in, by id: their texts, and the contents of guaranteed ones for D1. */
  readonly incoming: Map<string, Incoming>;
}

export interface MonitorOptions {
  readonly now: () => number;
  /** After which time a call to a station or a backend may be given up. */
  readonly callTimeoutMs: number;
  /** How much later than it was decided a call to a station may leave: behind an answer that waits for the disk. Its time runs meanwhile. */
  readonly commitWithinMs: number;
  /** Within which a station's call that came in is answered, or its link closed; and a backend's. */
  readonly answerWithinMs: number;
  readonly commandWithinMs: number;
  /** Busbar may answer stations in its backends' place. */
  readonly covers: boolean;
}

export class Monitor {
  readonly violations: Violation[] = [];
  /** Errors that the gateway wrote itself, by its own record, its answers to commands, and its own commands. */
  readonly ownErrors = new Set<string>();
  readonly #options: MonitorOptions;
  readonly #ends = new Map<LinkEnd, EndFacts>();
  /** The newest gateway end of each purpose: station and backend's name. */
  readonly #newest = new Map<string, LinkEnd>();
  /** Frames as they lie on the disk, without their ids: contents by `station|link`. */
  readonly #onDisk = new Map<string, Set<string>>();
  /** Sends that are on record and have not happened yet: how many by text, by `station|link`. */
  readonly #mayLeave = new Map<string, Map<string, number>>();
  /** Calls in lanes: `station|lane|action`. */
  readonly #queued = new Map<string, number>();
  #event: {
    readonly end: LinkEnd;
    readonly happening: Happening;
    readonly text: string;
    frames: number;
    isStale: boolean;
    readonly wasOver: boolean;
  } | null = null;
  #isDraining = false;
  /** Calls in all lanes of a station, by `station|toStation` and `station|toBackends`, and the most there ever were. */
  readonly #lanes = new Map<string, number>();
  readonly #highest = { toStation: 0, toBackends: 0 };
  #pendingHighest = 0;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** A gateway end came to be. */
  opened(end: LinkEnd, version: OcppVersion): void {
    const purpose = purposeOf(end);
    const before = this.#newest.get(purpose);
    if (before !== undefined) this.#factsOf(before).isOver = true;
    this.#newest.set(purpose, end);
    this.#ends.set(end, { version, isOver: false, outgoing: null, early: new Set(), incoming: new Map() });
  }

  drainStarted(): void {
    this.#isDraining = true;
  }

  /** A new process: nothing is queued in it, and nothing of the old one leaves any more. */
  restarted(): void {
    this.#isDraining = false;
    this.#event = null;
    this.#ends.clear();
    this.#newest.clear();
    this.#mayLeave.clear();
    this.#queued.clear();
    this.#lanes.clear();
  }

  recordMade(record: StationRecord): void {
    const { station } = record;
    switch (record.type) {
      case 'frame':
        if (this.#event?.happening === 'text' && this.#event.text === record.text) this.#event.frames += 1;
        if (record.outcome === 'queued' || (record.outcome === 'rewritten' && record.kind === 'call'))
          this.#queue(station, laneOf(record.link), record.action);
        if (record.relayedTo !== null && record.relayedIdToken !== null) {
          const text =
            record.text.slice(0, record.idStart) + record.relayedIdToken + record.text.slice(record.idEnd);
          count(textsAt(this.#mayLeave, station, record.relayedTo), text, 1);
        }
        return;
      case 'sent':
        if (
          record.kind === 'error' ||
          (record.kind === 'call' && record.purpose === 'own' && record.link === 'station') ||
          (record.kind === 'result' && (this.#options.covers || record.link !== 'station'))
        )
          this.ownErrors.add(record.text);
        count(textsAt(this.#mayLeave, station, record.link), record.text, 1);
        if (record.kind === 'call' && record.purpose === 'relay')
          this.#settle(station, record.link === 'station' ? 'toStation' : 'toBackends', record.action);
        return;
      case 'dropped':
        this.#settle(station, laneOf(record.link), record.action);
        return;
      case 'link':
      case 'booted':
      case 'skipped':
      case 'changed':
      case 'held':
      case 'delivery':
      case 'learned':
    }
  }

  staleNoticed(): void {
    if (this.#event !== null) this.#event.isStale = true;
  }

  committed(record: JournalRecord): void {
    if (record.type !== 'frame' && record.type !== 'sent') return;
    const at = `${record.station}|${record.link}`;
    let contents = this.#onDisk.get(at);
    if (contents === undefined) this.#onDisk.set(at, (contents = new Set()));
    contents.add(contentOf(record.text));
  }

  operated(end: LinkEnd, operation: Operation, text: string): void {
    if (!end.isGateway) return;
    const facts = this.#factsOf(end);
    this.#checkStaleEvent(end, operation);
    if (operation === 'close' || operation === 'terminate') this.#over(end, facts);
    if (operation === 'send') this.#checkSend(end, facts, text);
  }

  happens(end: LinkEnd, happening: Happening, text: string): void {
    if (!end.isGateway) return;
    this.#event = { end, happening, text, frames: 0, isStale: false, wasOver: this.#factsOf(end).isOver };
    const facts = this.#factsOf(end);
    if (happening === 'closed') this.#over(end, facts);
    if (happening !== 'text') return;
    const message = readMessage(text);
    if (message === null) return;
    if (message.type === 2) this.#callCame(facts, message.id, message.action, text);
    else if (message.type !== 3 && message.type !== 4) return;
    else if (facts.outgoing?.id === message.id) facts.outgoing = null;
    else facts.early.add(message.id);
  }

  happened(end: LinkEnd): void {
    const event = this.#event;
    if (!end.isGateway || event === null) return;
    this.#event = null;
    if (event.happening === 'text' && event.frames + (event.isStale ? 1 : 0) !== 1) {
      this.#report('D7', end.pair.label.station, `a frame came in and is ${event.frames} times on record`, [
        event.text,
      ]);
    }
  }

  /** How many records wait for a commit now. */
  looked(pendingRecords: number): void {
    this.#pendingHighest = Math.max(this.#pendingHighest, pendingRecords);
  }

  bounds(backends: number): Bound[] {
    return [
      { name: 'the lane of a station', highest: this.#highest.toStation, bound: laneCallsMax },
      {
        name: 'the lanes of its backends',
        highest: this.#highest.toBackends,
        bound: backends * (laneCallsMax + readAheadMax),
      },
      { name: 'records that wait for a commit', highest: this.#pendingHighest, bound: 2 * pendingRecordsMax },
    ];
  }

  /** True while the backend has the call with this id, or it is on its way there, and the gateway waits for the answer. */
  isOut(station: string, backend: string, id: string): boolean {
    const end = this.#newest.get(`${station}|${backend}`);
    const facts = end === undefined ? null : this.#factsOf(end);
    if (facts === null || facts.isOver || facts.outgoing?.id !== id) return false;
    return this.#options.now() - facts.outgoing.sentAtMs < this.#options.callTimeoutMs;
  }

  get hasQueued(): boolean {
    return [...this.#queued.values()].some((left) => left !== 0);
  }

  /** Once everything has come to rest: nothing may be queued any more. */
  finished(): void {
    for (const [end, facts] of this.#ends) if (!facts.isOver) this.#checkAnswered(end, facts);
    for (const [key, left] of this.#queued) {
      if (left !== 0)
        this.#report(
          'D7',
          key.split('|')[0] ?? '',
          `${left} queued calls were neither sent nor dropped: ${key}`,
          [],
        );
    }
  }

  #checkSend(end: LinkEnd, facts: EndFacts, text: string): void {
    const { station } = end.pair.label;
    const mayLeave = textsAt(this.#mayLeave, station, linkNameOf(end));
    const left = mayLeave.get(text) ?? 0;
    if (left === 0) this.#report('D7', station, 'a frame left that is not on record', [text]);
    else if (left === 1) mayLeave.delete(text);
    else mayLeave.set(text, left - 1);
    const message = readMessage(text);
    if (message === null) return;
    if (message.type === 2) this.#checkSlot(end, facts, message.id, text);
    if (message.type === 3 || message.type === 4) this.#checkAnswer(end, facts, message.id, text);
  }

  #callCame(facts: EndFacts, id: string, action: string, text: string): void {
    const isKept = isGuaranteed(facts.version, action);
    facts.incoming.set(id, { text, isKept, atMs: this.#options.now(), answers: 0 });
  }

  #over(end: LinkEnd, facts: EndFacts): void {
    if (!facts.isOver) this.#checkAnswered(end, facts);
    facts.isOver = true;
  }

  /** The link ends here: whatever came in on it has had its answer, or came only just now. */
  #checkAnswered(end: LinkEnd, { incoming }: EndFacts): void {
    const { now } = this.#options;
    const answerWithinMs = this.#withinMs(end);
    for (const { text, atMs, answers } of incoming.values()) {
      const waitedMs = Math.round(now() - atMs);
      if (answers === 0 && waitedMs > answerWithinMs) {
        this.#report(
          'D4',
          end.pair.label.station,
          `a call on ${linkNameOf(end)} was not answered for ${waitedMs} ms`,
          [text],
        );
      }
    }
  }

  #checkSlot(end: LinkEnd, facts: EndFacts, id: string, text: string): void {
    // Sent a second time while the answer to the first came in: that was taken before this could leave.
    if (facts.early.delete(id)) return;
    const { callTimeoutMs, commitWithinMs, now } = this.#options;
    const nowMs = now();
    const { outgoing } = facts;
    const isToStation = end.pair.label.with === '';
    const leastMs = callTimeoutMs - clockGrainMs - (isToStation ? commitWithinMs : 0);
    if (outgoing !== null && nowMs - outgoing.sentAtMs < leastMs) {
      this.#report('S1', end.pair.label.station, `a call left while ${outgoing.id} was unanswered`, [text]);
    }
    facts.outgoing = { id, sentAtMs: nowMs };
  }

  #checkAnswer(end: LinkEnd, facts: EndFacts, id: string, text: string): void {
    const { station } = end.pair.label;
    const call = facts.incoming.get(id);
    if (call === undefined) {
      if (id !== '-1' && readMessage(text)?.type === 3)
        this.#report('S7', station, 'an answer left for a call that never came in on its link', [text]);
      return;
    }
    call.answers += 1;
    const waitedMs = Math.round(this.#options.now() - call.atMs);
    if (call.answers > 1)
      this.#report('D4', station, `a call on ${linkNameOf(end)} was answered twice`, [call.text, text]);
    else if (waitedMs > this.#withinMs(end)) {
      this.#report('D4', station, `a call on ${linkNameOf(end)} was answered after ${waitedMs} ms`, [
        call.text,
        text,
      ]);
    }
    if (!call.isKept || end.pair.label.with !== '') return;
    const name = linkNameOf(end);
    if (!this.#isOnDisk(station, name, contentOf(call.text))) {
      this.#report('D1', station, 'a transaction message was answered before it was on disk', [
        call.text,
        text,
      ]);
    } else if (!this.#isAnswerOnDisk(station, text)) {
      this.#report('D1', station, 'the answer to a transaction message left before it was on disk', [
        call.text,
        text,
      ]);
    }
  }

  #withinMs(end: LinkEnd): number {
    return end.pair.label.with === '' ? this.#options.answerWithinMs : this.#options.commandWithinMs;
  }

  #isOnDisk(station: string, link: string, content: string): boolean {
    return this.#onDisk.get(`${station}|${link}`)?.has(content) === true;
  }

  #isAnswerOnDisk(station: string, text: string): boolean {
    const content = contentOf(text);
    if (this.#isOnDisk(station, 'station', content)) return true;
    for (const end of this.#ends.keys()) {
      if (end.pair.label.with !== '' && this.#isOnDisk(station, `backend:${end.pair.label.with}`, content))
        return true;
    }
    return false;
  }

  /** While the event of a link that is over is handled, nothing is done to any link of that station. */
  #checkStaleEvent(end: LinkEnd, operation: Operation): void {
    const event = this.#event;
    if (
      event === null ||
      this.#isDraining ||
      !event.wasOver ||
      event.end.pair.label.station !== end.pair.label.station
    )
      return;
    if (event.end === end) return;
    const { station } = end.pair.label;
    this.#report(
      'S7',
      station,
      `"${event.happening}" of a link that is over led to "${operation}" on ${linkNameOf(end)}`,
      [event.text],
    );
  }

  #queue(station: string, lane: Lane, action: string | null): void {
    count(this.#queued, `${station}|${lane}|${action}`, 1);
    count(this.#lanes, `${station}|${lane}`, 1);
    this.#highest[lane] = Math.max(this.#highest[lane], this.#lanes.get(`${station}|${lane}`) ?? 0);
  }

  #settle(station: string, lane: Lane, action: string | null): void {
    const key = `${station}|${lane}|${action}`;
    count(this.#queued, key, -1);
    count(this.#lanes, `${station}|${lane}`, -1);
    if ((this.#queued.get(key) ?? 0) < 0)
      this.#report(
        'D7',
        station,
        `a call left its lane more often than it was queued: ${lane} ${action}`,
        [],
      );
  }

  #factsOf(end: LinkEnd): EndFacts {
    return (
      this.#ends.get(end) ?? {
        version: 'ocpp1.6',
        isOver: true,
        outgoing: null,
        early: new Set(),
        incoming: new Map(),
      }
    );
  }

  #report(rule: string, station: string, message: string, texts: readonly string[]): void {
    this.violations.push(violation(rule, station, message, texts));
  }
}

function purposeOf(end: LinkEnd): string {
  const { station, with: backend } = end.pair.label;
  return `${station}|${backend}`;
}

function linkNameOf(end: LinkEnd): string {
  const { with: backend } = end.pair.label;
  return backend === '' ? 'station' : `backend:${backend}`;
}

/** The lane that a call takes which came in on this link. */
function laneOf(cameOn: string): Lane {
  return cameOn === 'station' ? 'toBackends' : 'toStation';
}

function textsAt(all: Map<string, Map<string, number>>, station: string, link: string): Map<string, number> {
  const at = `${station}|${link}`;
  let texts = all.get(at);
  if (texts === undefined) all.set(at, (texts = new Map()));
  return texts;
}

function count(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
