/**
 * Watches whether what is held puts billing at risk, and puts it on record when that begins and when it is over.
 *
 * Not pure: it reads live lanes, every few seconds and on no frame's path. What it said last is what is on record, over restarts too (ADR 0026); when the journal cannot be written it says
 * nothing, and looks again.
 */
import {
  easedAgeMs,
  judgeBilling,
  riskAgeMs,
  type BillingChange,
  type BillingRisk,
  type HeldAtRisk,
} from '../core/hold/billing-risk.ts';
import type { HeldLane } from '../core/hold/held-lane.ts';
import { isoTime } from '../std/iso-time.ts';
import type { DataPlane } from './data-plane.ts';
import { allLanes } from './deliveries.ts';
import type { Sleeper } from './timer-wheel.ts';

/** The hour need not be met to the second, and what is parked waits for a person. */
const lookMs = 10_000;

type WatchedPlane = Pick<DataPlane, 'drivers' | 'held' | 'clock' | 'journal' | 'wheel' | 'log' | 'risks'>;

/** Looks from now on. */
export function watchBilling(plane: WatchedPlane): void {
  plane.wheel.schedule(new BillingWatch(plane));
}

class BillingWatch implements Sleeper {
  readonly #plane: WatchedPlane;
  scheduledAtMs = Infinity;
  wakeAtMs: number;

  constructor(plane: WatchedPlane) {
    this.#plane = plane;
    this.wakeAtMs = plane.clock.nowMs();
  }

  wake(): void {
    const { clock, journal, wheel } = this.#plane;
    if (journal.isWritable) this.#look();
    this.wakeAtMs = clock.nowMs() + lookMs;
    wheel.schedule(this);
  }

  #look(): void {
    const { risks, clock } = this.#plane;
    const wallMs = clock.wallMs();
    const lanes = lanesByBackend(this.#plane);
    for (const backend of new Set([...lanes.keys(), ...risks.keys()])) {
      const held = lanes.get(backend) ?? [];
      const isEased = (): boolean => heldAtRisk(held, wallMs - easedAgeMs) === null;
      const before = risks.get(backend) ?? null;
      const { risk, change } = judgeBilling(before, heldAtRisk(held, wallMs - riskAgeMs), isEased, wallMs);
      const told = risk ?? before;
      if (change !== null && told !== null && !this.#tell(backend, change, told, wallMs)) continue;
      if (risk === null) risks.delete(backend);
      else risks.set(backend, risk);
    }
  }

  /** False where it could not be taken: then it is news at the next look still. */
  #tell(backend: string, change: BillingChange, risk: BillingRisk, at: number): boolean {
    const { journal, log } = this.#plane;
    if (journal.append({ type: 'billing', at, backend, change, ...risk }) === Infinity) return false;
    const { stations, messages } = risk;
    const fields = {
      backend,
      stations,
      messages,
      since: isoTime(risk.since),
      oldest: isoTime(risk.oldest),
    };
    if (change === 'at_risk') log.warn('billing_at_risk', fields);
    else log.info('billing_risk_over', fields);
    return true;
  }
}

/** One lane a station. */
function lanesByBackend(plane: WatchedPlane): Map<string, HeldLane[]> {
  const found = new Map<string, HeldLane[]>();
  for (const [, lanes] of allLanes(plane))
    for (const lane of lanes) {
      const known = found.get(lane.backend);
      if (known === undefined) found.set(lane.backend, [lane]);
      else known.push(lane);
    }
  return found;
}

/** null: nothing is. `before`: wall clock. */
function heldAtRisk(lanes: readonly HeldLane[], before: number): HeldAtRisk | null {
  let stations = 0;
  let messages = 0;
  let oldest = Infinity;
  for (const lane of lanes) {
    const { atRisk, oldestAtRisk } = lane.depth(before);
    if (atRisk === 0) continue;
    stations += 1;
    messages += atRisk;
    oldest = Math.min(oldest, oldestAtRisk);
  }
  return messages === 0 ? null : { stations, messages, oldest };
}
