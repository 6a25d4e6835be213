/**
 * One migration that is not over: its machine, what of it is not on disk yet, and the orders that are under way.
 *
 * Not pure. One thing at a time happens to it. What a step came to is on disk before any of its orders leaves; while the disk fails, nothing is ordered, and the machine stands still but
 * for what people decide.
 */
import { restoreMigration } from '../core/migration/create.ts';
import type {
  Heard,
  MigrationEvent,
  MigrationStep,
  MigrationView,
  Order,
  OrderOutcome,
} from '../core/migration/events.ts';
import { isOver } from '../core/migration/phase.ts';
import type {
  DecidedBy,
  Evidence,
  MigrationDecision,
  MigrationOutcome,
  MigrationState,
  StationProgress,
} from '../core/migration/state.ts';
import { isStillWanted, stationsToSee, stepMigration } from '../core/migration/step.ts';
import type { FrozenPlan } from '../core/migration/fleet.ts';
import type { StationView } from '../core/migration/events.ts';
import type { Clock } from '../ports/clock.ts';
import type { MigrationStore, MigrationStoreFault, StoredMigration } from '../ports/migrations.ts';
import type { Registry } from '../ports/registry.ts';
import type { StationId } from '../protocol/station-id.ts';
import { assert } from '../std/assert.ts';
import { undeliveredTo, viewOf } from './migration-fleet.ts';
import type { OrderDesk } from './migration-orders.ts';
import { takeTurns } from './turns.ts';
import type { WaveMeter } from './wave-meter.ts';

export interface RunPorts {
  readonly store: MigrationStore;
  readonly registry: Pick<Registry, 'station'>;
  readonly clock: Clock;
  /** Whether there is a backend of that name now. */
  readonly isConfigured: (backend: string) => boolean;
  readonly desk: OrderDesk;
  readonly meter: WaveMeter;
}

/** How long others may be kept waiting for a migration, milliseconds. */
const sliceMs = 10;
/** Stations looked at in one tick: those of which something may be decided, and those that are where they should be. The rest has its turn in the next. */
const soonMax = 2_000;
const sometimesMax = 200;
/** Clocks and counts are saved this often, milliseconds; a crash costs no more than measuring them again. */
const saveEveryMs = 10_000;

export class MigrationRun {
  readonly #ports: RunPorts;
  state: MigrationState;
  readonly #busy = new Set<StationId>();
  #settled: { readonly order: Order; readonly outcome: OrderOutcome }[] = [];
  /** What is not on disk. */
  readonly #unsaved = new Set<StationProgress>();
  #evidence: Evidence[] = [];
  #isReplaced = false;
  #isChanged = false;
  #savedAtMs = -Infinity;
  #tickedAtMs: number | null = null;
  #soonAt = 0;
  #sometimesAt = 0;
  readonly #undelivered = new Map<StationId, number>();
  #last: Promise<unknown> = Promise.resolve();
  /** The bug that stopped it. What it had come to is on no disk, and does not get there. */
  #bug: string | null = null;

  constructor(ports: RunPorts, { head, stations }: StoredMigration) {
    this.#ports = ports;
    this.state = restoreMigration(head, stations);
  }

  get id(): string {
    return this.state.head.id;
  }

  /** Null once which station is in which wave is on disk, and where a bug stopped it. */
  plan(frozen: FrozenPlan, by: DecidedBy): Promise<MigrationStoreFault | null> {
    return this.#alone(() => {
      this.#step({ type: 'planned', frozen, by }, this.#blind());
      return this.#save();
    });
  }

  /** The outcome, and why it is not on disk: null when it is. All of it null: a bug stopped it. */
  decide(
    decision: MigrationDecision,
    by: DecidedBy,
  ): Promise<{ readonly outcome: MigrationOutcome; readonly fault: MigrationStoreFault | null } | null> {
    return this.#alone(async () => {
      const { outcome } = this.#step({ type: 'decided', decision, by }, this.#blind());
      assert(outcome !== null, 'a decision has an outcome');
      // What is so already may still wait for the disk.
      return { outcome, fault: this.#isChanged ? await this.#save() : null };
    });
  }

  /** One second of it. Null, or why it stands still: the disk. */
  tick(): Promise<MigrationStoreFault | null> {
    return this.#alone(() => this.#tick());
  }

  /** What came of orders is told and saved, and nothing is ordered. Null, or why it is not on disk. */
  settle(): Promise<MigrationStoreFault | null> {
    return this.#alone(async () => {
      await this.#settle();
      return this.#isChanged ? this.#save() : null;
    });
  }

  /** What stopped its machine, a bug of ours: nothing happens to it any more before the next process. */
  get bug(): string | null {
    return this.#bug;
  }

  /** One thing after the other. Null where a bug stops it, or has: what it came to is half of something. */
  #alone<Value>(work: () => Promise<Value>): Promise<Value | null> {
    const done = this.#last.then(async () => {
      if (this.#bug !== null) return null;
      try {
        return await work();
      } catch (error) {
        this.#bug = String(error);
        return null;
      }
    });
    this.#last = done;
    return done;
  }

  async #tick(): Promise<MigrationStoreFault | null> {
    if (this.#isChanged && this.#savedAtMs === -Infinity) {
      const fault = await this.#save();
      if (fault !== null) return fault;
    }
    const { clock, meter } = this.#ports;
    await this.#settle();
    const { touched, ...heard } = meter.take(this.id);
    const stations = await this.#look(touched);
    const nowMs = clock.nowMs();
    const elapsedMs = this.#tickedAtMs === null ? 0 : nowMs - this.#tickedAtMs;
    this.#tickedAtMs = nowMs;
    const undelivered = touched.size > 0 || stations.size > 0 ? this.#undeliveredByWave() : [];
    const event = { type: 'tick', elapsedMs, heard: { ...heard, undelivered } } satisfies MigrationEvent;
    const { orders } = this.#step(event, { wallMs: clock.wallMs(), stations, busy: this.#busy });
    const isDue = nowMs - this.#savedAtMs >= saveEveryMs && !isOver(this.state.head.phase);
    const fault = this.#isChanged || isDue ? await this.#save() : null;
    if (fault === null) for (const order of orders) this.#order(order);
    return fault;
  }

  /** Outcomes first: what is looked at afterwards is newer than all of them. */
  async #settle(): Promise<void> {
    const turns = takeTurns(sliceMs);
    const view = this.#blind();
    for (const { order, outcome } of this.#settled.splice(0)) {
      this.#busy.delete(order.station);
      this.#step({ type: 'settled', order, outcome }, view);
      await turns.next();
    }
  }

  async #look(touched: ReadonlySet<StationId>): Promise<ReadonlyMap<StationId, StationView>> {
    const { soon, sometimes } = stationsToSee(this.state);
    const stations = new Map<StationId, StationView>();
    const turns = takeTurns(sliceMs);
    const { to } = this.state.head.plan;
    const isConfigured = this.#ports.isConfigured(to);
    const some = [
      ...windowOf(soon, this.#soonAt, soonMax),
      // What is still to be delivered is not saved: after a restart all are looked at once.
      ...(this.#tickedAtMs === null ? this.#begun() : windowOf(sometimes, this.#sometimesAt, sometimesMax)),
      ...touched,
    ];
    this.#soonAt += soonMax;
    this.#sometimesAt += sometimesMax;
    for (const id of some) {
      const snapshot = this.#ports.registry.station(id);
      stations.set(id, viewOf(snapshot, to, isConfigured));
      const messages = undeliveredTo(snapshot, to);
      if (messages > 0) this.#undelivered.set(id, messages);
      else this.#undelivered.delete(id);
      await turns.next();
    }
    return stations;
  }

  /** Every station of a wave that was begun, whatever became of it. */
  #begun(): readonly StationId[] {
    const { head, byWave } = this.state;
    const begun = byWave.filter((_, at) => head.waves[at]?.phase !== 'planned');
    return begun.flat().map(({ station }) => station);
  }

  #undeliveredByWave(): Heard['undelivered'] {
    const byWave = this.state.head.waves.map((_, wave) => ({ wave, messages: 0 }));
    for (const [station, messages] of this.#undelivered) {
      const wave = byWave[this.state.stations.get(station)?.wave ?? -1];
      if (wave !== undefined) wave.messages += messages;
    }
    return byWave;
  }

  /** For events that look at nothing. */
  #blind(): MigrationView {
    return { wallMs: this.#ports.clock.wallMs(), stations: new Map(), busy: this.#busy };
  }

  #step(event: MigrationEvent, view: MigrationView): MigrationStep {
    const step = stepMigration(this.state, event, view);
    if (step.isReplaced) {
      this.#unsaved.clear();
      this.#isReplaced = true;
    }
    for (const progress of step.changed) this.#unsaved.add(progress);
    this.#evidence.push(...step.evidence);
    this.#isChanged ||= step.isChanged;
    return step;
  }

  async #save(): Promise<MigrationStoreFault | null> {
    const stations = [...this.#unsaved];
    const evidence = [...this.#evidence];
    const isReplaced = this.#isReplaced;
    // Nothing else happens to it until this has settled.
    const fault = await this.#ports.store.save({ head: this.state.head, stations, isReplaced, evidence });
    if (fault !== null) {
      this.#savedAtMs = -Infinity;
      this.#isChanged = true;
      return fault;
    }
    this.#unsaved.clear();
    this.#evidence = [];
    this.#isReplaced = false;
    this.#isChanged = false;
    this.#savedAtMs = this.#ports.clock.nowMs();
    return null;
  }

  #order(order: Order): void {
    this.#busy.add(order.station);
    this.#ports.desk.take({
      order,
      plan: this.state.head.plan,
      isWanted: () => isStillWanted(this.state, order),
      settle: (outcome) => this.#settled.push({ order, outcome }),
    });
  }
}

/** So many, from another place each time. */
function windowOf<Item>(items: readonly Item[], at: number, max: number): readonly Item[] {
  if (items.length <= max) return items;
  const from = at % items.length;
  return [...items.slice(from, from + max), ...items.slice(0, Math.max(0, from + max - items.length))];
}
