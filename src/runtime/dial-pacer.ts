/**
 * How fast, and how many at a time, backends are dialled.
 *
 * Not pure: owns one timer. Every backend has its own line, first come first served: dials start evenly spaced at its `connectsPerSecond`, at most
 * `dialsInFlightMax` are unanswered at a time, and nobody waits much longer than `waitMaxMs`: a station that could not be served in time is refused
 * while it still listens, and comes again. A backend that is slow or gone holds up no other.
 */
import type { Clock } from '../ports/clock.ts';
import type { Dialer, DialOutcome, DialRequest } from '../ports/dialer.ts';
import type { Link, LinkHandler } from '../ports/link.ts';
import type { DialFault } from '../core/station/events.ts';
import { BoundedQueue } from '../std/bounded-queue.ts';

/** Dials of one backend that may be unanswered at a time. */
export const dialsInFlightMax = 256;
/** The longest wait that is foreseen, milliseconds: well within the time an upgrade may wait. */
export const waitMaxMs = 8_000;
/** The longest wait that happens, milliseconds: dials under way may take longer than was foreseen. */
const patienceMs = 9_000;
/** Started in one turn of the event loop, over all backends. */
const startsPerTurn = 32;
/** Dials in one line; with the wait bounded it is reached only by a pace without end. */
const lineMax = 65_536;
/** How far a late timer may be caught up with, milliseconds. */
const graceMs = 100;

export interface DialPacer extends Dialer {
  /** Dials that wait for their turn. */
  waiting(backend: string): number;
  /** Forgets all who wait; nobody is told. Dials under way are the dialer's. */
  close(): void;
}

export function createDialPacer(dialer: Dialer, clock: Clock): DialPacer {
  return new Pacer(dialer, clock);
}

/** One for each backend ever dialled. */
interface Line {
  readonly waiting: BoundedQueue<PacedDial>;
  /** Those who were neither started nor refused nor abandoned. */
  waitingCount: number;
  inFlight: number;
  /** Monotonic time of the next start, milliseconds. */
  nextStartMs: number;
}

class Pacer implements DialPacer {
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  readonly #lines = new Map<string, Line>();
  /** Refused at once: told on the next turn, never before `dial` returns. */
  #refused: { readonly dial: PacedDial; readonly detail: string }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Infinity;

  constructor(dialer: Dialer, clock: Clock) {
    this.#dialer = dialer;
    this.#clock = clock;
  }

  dial<Owner>(
    request: DialRequest,
    handler: LinkHandler<Owner>,
    outcome: DialOutcome<Owner>,
    owner: Owner,
  ): () => void {
    const nowMs = this.#clock.nowMs();
    const line = this.#lineOf(request.backend.name);
    const dial = new PacedDial(this, line, request, handler, outcome, owner, nowMs);
    // Where it is further away than the pace has it, that of the last start was slower: a reload has raised it since.
    line.nextStartMs = Math.min(line.nextStartMs, nowMs + dial.spacingMs);
    const waitMs = Math.max(0, line.nextStartMs - nowMs) + line.waitingCount * dial.spacingMs;
    if (waitMs <= waitMaxMs && line.waiting.push(dial)) {
      dial.takePlace();
      this.#wakeAt(nowMs + waitMs);
    } else {
      const detail = `${Math.ceil(waitMs / 1_000)} s of dials wait for this backend already`;
      this.#refused.push({ dial, detail });
      this.#wakeAt(nowMs);
    }
    return () => dial.abandon();
  }

  waiting(backend: string): number {
    return this.#lines.get(backend)?.waitingCount ?? 0;
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#lines.clear();
    this.#refused = [];
  }

  /** A dial of this line ended: its place is free. */
  onEnded(line: Line): void {
    line.inFlight -= 1;
    this.#wakeAt(wakeTimeOf(line));
  }

  /** One turn: refusals are told, those who waited too long are refused, and dials whose time has come start. */
  onTimer(): void {
    this.#timer = null;
    this.#timerAtMs = Infinity;
    const refused = this.#refused;
    this.#refused = [];
    for (const { dial, detail } of refused) dial.refuse(detail);
    let startsLeft = startsPerTurn;
    let wakeAtMs = Infinity;
    for (const line of this.#lines.values()) {
      startsLeft = this.#startFrom(line, startsLeft);
      wakeAtMs = Math.min(wakeAtMs, wakeTimeOf(line));
    }
    this.#wakeAt(wakeAtMs);
  }

  #startFrom(line: Line, startsLeft: number): number {
    let left = startsLeft;
    for (let dial = line.waiting.peek(); dial !== undefined; dial = line.waiting.peek()) {
      const nowMs = this.#clock.nowMs();
      if (!dial.isWaiting) line.waiting.shift();
      else if (nowMs - dial.sinceMs >= patienceMs) {
        line.waiting.shift();
        dial.refuse(`no turn within ${patienceMs / 1_000} s: the backend answers dials too slowly`);
      } else if (left > 0 && line.inFlight < dialsInFlightMax && line.nextStartMs <= nowMs) {
        line.waiting.shift();
        left -= 1;
        line.nextStartMs = (nowMs - line.nextStartMs > graceMs ? nowMs : line.nextStartMs) + dial.spacingMs;
        dial.start(this.#dialer);
      } else break;
    }
    return left;
  }

  #lineOf(name: string): Line {
    let line = this.#lines.get(name);
    if (line === undefined) {
      const waiting = new BoundedQueue<PacedDial>(lineMax);
      line = { waiting, waitingCount: 0, inFlight: 0, nextStartMs: -Infinity };
      this.#lines.set(name, line);
    }
    return line;
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(onTimer, Math.max(0, Math.ceil(atMs - this.#clock.nowMs())), this);
  }
}

/** One dial, from its place in line to its outcome. It is the outcome that the real dialer tells. */
class PacedDial implements DialOutcome<unknown> {
  readonly sinceMs: number;
  readonly #pacer: Pacer;
  readonly #line: Line;
  readonly #request: DialRequest;
  readonly #handler: LinkHandler<unknown>;
  readonly #outcome: DialOutcome<unknown>;
  readonly #owner: unknown;
  #state: 'not_in_line' | 'waiting' | 'in_flight' | 'ended' = 'not_in_line';
  #abandonDial: (() => void) | null = null;

  constructor(
    pacer: Pacer,
    line: Line,
    request: DialRequest,
    handler: LinkHandler<unknown>,
    outcome: DialOutcome<unknown>,
    owner: unknown,
    sinceMs: number,
  ) {
    this.#pacer = pacer;
    this.#line = line;
    this.#request = request;
    this.#handler = handler;
    this.#outcome = outcome;
    this.#owner = owner;
    this.sinceMs = sinceMs;
  }

  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** Between two starts at this backend's pace, milliseconds. */
  get spacingMs(): number {
    return 1_000 / this.#request.backend.connectsPerSecond;
  }

  takePlace(): void {
    this.#line.waitingCount += 1;
    this.#state = 'waiting';
  }

  start(dialer: Dialer): void {
    this.#line.waitingCount -= 1;
    this.#line.inFlight += 1;
    this.#state = 'in_flight';
    this.#abandonDial = dialer.dial(this.#request, this.#handler, this, this.#owner);
  }

  refuse(detail: string): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'waiting') this.#line.waitingCount -= 1;
    this.#state = 'ended';
    this.#outcome.onRefused(this.#owner, 'not_paced', detail);
  }

  abandon(): void {
    const state = this.#state;
    this.#state = 'ended';
    if (state === 'waiting') this.#line.waitingCount -= 1;
    if (state === 'in_flight') {
      this.#abandonDial?.();
      this.#pacer.onEnded(this.#line);
    }
  }

  onOpened(owner: unknown, link: Link): void {
    this.#state = 'ended';
    this.#pacer.onEnded(this.#line);
    this.#outcome.onOpened(owner, link);
  }

  onRefused(owner: unknown, fault: DialFault, detail: string): void {
    this.#state = 'ended';
    this.#pacer.onEnded(this.#line);
    this.#outcome.onRefused(owner, fault, detail);
  }
}

/** When this line has something to do next, monotonic milliseconds. */
function wakeTimeOf(line: Line): number {
  const dial = line.waiting.peek();
  if (dial === undefined) return Infinity;
  const deadlineMs = dial.sinceMs + patienceMs;
  return line.inFlight < dialsInFlightMax ? Math.min(line.nextStartMs, deadlineMs) : deadlineMs;
}

function onTimer(pacer: Pacer): void {
  pacer.onTimer();
}
