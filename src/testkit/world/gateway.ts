/**
 * One process of the gateway in the simulated world: the real one from its door down, on simulated ports.
 *
 * Nothing here decides anything. A killed process is one that nothing reaches any more: no timer, no link, no commit.
 */
import { createHash } from 'node:crypto';
import type { BillingRisk } from '../../core/hold/billing-risk.ts';
import type { HeldEntry } from '../../core/hold/held-lane.ts';
import type { LearnedToken } from '../../core/hold/held-message.ts';
import type { DurableStation, JournalRecord } from '../../core/journal/record.ts';
import type { Dialer } from '../../ports/dialer.ts';
import type { Log } from '../../ports/log.ts';
import type { Settings } from '../../ports/settings.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { Observer } from '../../runtime/data-plane.ts';
import type { Gateway, GatewayPorts } from '../../runtime/gateway.ts';
import type { Sleeper, TimerWheel } from '../../runtime/timer-wheel.ts';
import type { Random } from '../random.ts';
import type { SimulatedJournal } from './disk.ts';
import type { Scheduler } from './scheduler.ts';

/** The code under test. A broken copy takes its place to prove that the checkers see. */
export type CreateGateway = (settings: Settings, ports: GatewayPorts) => Gateway;

export interface ProcessPorts {
  readonly createGateway: CreateGateway;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly journal: SimulatedJournal;
  readonly dialer: Dialer;
  readonly observer: Observer;
  /** What outlived the last process. */
  readonly restored: ReadonlyMap<StationId, DurableStation>;
  readonly recent: readonly JournalRecord[];
  readonly held: ReadonlyMap<StationId, readonly HeldEntry[]>;
  readonly tokens: ReadonlyMap<string, LearnedToken>;
  readonly risks: ReadonlyMap<string, BillingRisk>;
  /** A sleeper is woken that late at the earliest, as by the real wheel. */
  readonly wheelSlotMs: number;
  /** Wall clock when the world began. */
  readonly epochMs: number;
}

export interface Process {
  readonly gateway: Gateway;
  /** kill -9. */
  kill(): void;
}

/** Starts a process. */
export function startProcess(ports: ProcessPorts, settings: Settings): Process {
  const { scheduler, random, journal, dialer, observer, restored, recent, held, tokens, risks, epochMs } =
    ports;
  const wheel = new VirtualWheel(scheduler, ports.wheelSlotMs);
  let isDead = false;
  const gateway = ports.createGateway(settings, {
    clock: { wallMs: () => epochMs + scheduler.nowMs, nowMs: () => (isDead ? Infinity : scheduler.nowMs) },
    journal,
    dialer,
    log: silence,
    observer,
    random: () => random.next(),
    digest: (text) => createHash('md5').update(text).digest('hex'),
    randomPrefix: () => `${random.below(0x7fff_ffff).toString(36)}-`,
    restored,
    recent,
    held,
    tokens,
    risks,
    wheel,
    recall: (query) => journal.recall(query),
    afterTurn: (run) => void scheduler.after(0, () => !isDead && run()),
  });
  return {
    gateway,
    kill() {
      // What a dead process still waits for in real time is long over.
      isDead = true;
      wheel.stop();
      journal.kill();
    },
  };
}

/** The real wheel's promise on virtual time. */
class VirtualWheel implements TimerWheel {
  readonly #scheduler: Scheduler;
  readonly #slotMs: number;
  #isStopped = false;

  constructor(scheduler: Scheduler, slotMs: number) {
    this.#scheduler = scheduler;
    this.#slotMs = slotMs;
  }

  schedule(sleeper: Sleeper): void {
    if (sleeper.wakeAtMs >= sleeper.scheduledAtMs) return;
    const atMs = Math.max(sleeper.wakeAtMs, this.#scheduler.nowMs + this.#slotMs);
    sleeper.scheduledAtMs = atMs;
    this.#scheduler.at(atMs, () => this.#wake(sleeper, atMs));
  }

  stop(): void {
    this.#isStopped = true;
  }

  #wake(sleeper: Sleeper, atMs: number): void {
    // An entry that was overtaken by an earlier one is stale.
    if (this.#isStopped || sleeper.scheduledAtMs !== atMs) return;
    sleeper.scheduledAtMs = Infinity;
    if (sleeper.wakeAtMs <= atMs) sleeper.wake();
    else this.schedule(sleeper);
  }
}

/** The trace of a world says more than the log. */
const nothing = (): undefined => undefined;
const silence: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
