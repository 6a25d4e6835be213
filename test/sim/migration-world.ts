/**
 * A fleet that is moved by the migration machine alone, in a world with a seed: stations that go away and refuse, backends that go down, people who change their minds, a disk
 * that fails, and a process that is killed between any two steps.
 *
 * The stations' placements are durable, as they are in the gateway; of the migration only what was saved outlives a kill. After a while the world is well, and the people
 * mean well: then the migration has to come to its end.
 */
import { createMigration, restoreMigration } from '../../src/core/migration/create.ts';
import { noCounts, noSessions } from '../../src/core/migration/counts.ts';
import type {
  Heard,
  MigrationEvent,
  MigrationView,
  Order,
  OrderOutcome,
  StationView,
} from '../../src/core/migration/events.ts';
import type { Fleet } from '../../src/core/migration/fleet.ts';
import { planMigration } from '../../src/core/migration/freeze.ts';
import type { MigrationPlan } from '../../src/core/migration/plan.ts';
import type {
  Evidence,
  MigrationDecision,
  MigrationHead,
  MigrationState,
  StationProgress,
} from '../../src/core/migration/state.ts';
import { isStillWanted, type stepMigration, type stationsToSee } from '../../src/core/migration/step.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { createRandom, type Random } from '../../src/testkit/random.ts';
import { MigrationChecker } from './migration-checker.ts';
import { makeFleet, makePlan, sendEffect, wishesOf, withMore, type SimStation } from './migration-fleet.ts';

/** The machine under test: the real one, or a broken copy. */
export interface Machine {
  readonly stepMigration: typeof stepMigration;
  readonly stationsToSee: typeof stationsToSee;
}

export interface SimOutcome {
  readonly violations: readonly { readonly rule: string; readonly what: string }[];
  /** What the seed went through. */
  readonly lived: {
    ticks: number;
    kills: number;
    cutovers: number;
    rollbacks: number;
    refusals: number;
    decisions: number;
  };
  readonly end: string;
}

/** Seconds with faults, and seconds after them within which it must end. */
const troubleS = 150;
const wellS = 1_500;

export function liveMigration(seed: number, machine: Machine): SimOutcome {
  const world = new MigrationWorld(seed, machine);
  return world.live();
}

interface InFlight {
  readonly order: Order;
  readonly dueAt: number;
}

class MigrationWorld {
  readonly #random: Random;
  /** Of what backends ask for: a stream of its own, so that what is added here leaves the seeds as they were. */
  readonly #whims: Random;
  /** Of who ends it as it stands, and of what is let go: the same. */
  readonly #ends: Random;
  readonly #machine: Machine;
  readonly #plan: MigrationPlan;
  readonly #stations: Map<StationId, SimStation>;
  readonly #checker: MigrationChecker;
  readonly #disk: { head: string; stations: Map<string, string>; evidence: Evidence[] } = {
    head: '',
    stations: new Map(),
    evidence: [],
  };
  readonly #lived = { ticks: 0, kills: 0, cutovers: 0, rollbacks: 0, refusals: 0, decisions: 0 };
  #state: MigrationState;
  #wallMs = 1_800_000_000_000;
  #second = 0;
  #isNewUp = true;
  #inFlight: InFlight[] = [];
  /** Changed and not on disk, since a save failed. */
  #unsaved = new Set<StationProgress>();
  #unsavedEvidence: Evidence[] = [];
  #isReplaced = false;
  #isFirstTick = true;

  constructor(seed: number, machine: Machine) {
    this.#random = createRandom(seed, 'migration');
    this.#whims = createRandom(seed, 'migration effects');
    this.#ends = createRandom(seed, 'migration ends');
    this.#machine = machine;
    this.#stations = makeFleet(this.#random, this.#whims);
    const plan = makePlan(this.#random, [...this.#stations.values()], this.#wallMs);
    this.#plan = { ...plan, also: withMore(plan.also, this.#whims) };
    this.#checker = new MigrationChecker(this.#plan, this.#stations);
    this.#state = createMigration('m', this.#plan, this.#wallMs);
  }

  live(): SimOutcome {
    const frozen = planMigration(this.#plan, this.#fleet(), new Map());
    this.#checker.frozen(frozen);
    try {
      this.#step({ type: 'planned', frozen, by: { who: 'ops', reason: null } });
      this.#save(false);
      if (this.#state.head.phase === 'ready') this.#run();
    } catch (error) {
      this.#checker.break('bug', String(error));
    }
    const { phase } = this.#state.head;
    return { violations: this.#checker.violations, lived: this.#lived, end: phase };
  }

  #run(): void {
    this.#decide({ do: 'start' });
    for (this.#second = 0; this.#second < troubleS + wellS; this.#second += 1) {
      const isWell = this.#second >= troubleS;
      this.#lived.ticks += 1;
      this.#wallMs += 1_000;
      this.#lifeGoesOn(isWell);
      if (isWell) this.#meanWell();
      else if (this.#random.chance(0.05)) this.#decide(this.#whim());
      this.#settleDue();
      if (!isWell && this.#random.chance(0.02)) this.#kill();
      this.#tick(isWell);
      if (!isWell && this.#random.chance(0.02)) this.#kill();
      if (isWell && isEnd(this.#state.head) && this.#inFlight.length === 0) break;
    }
    this.#checker.ended(this.#state, this.#disk.evidence);
  }

  #tick(isWell: boolean): void {
    const elapsedMs = this.#isFirstTick ? 0 : 1_000;
    this.#isFirstTick = false;
    const orders = this.#step({ type: 'tick', elapsedMs, heard: this.#hear(isWell) });
    const isKilled = !isWell && this.#random.chance(0.01);
    if (isKilled) return this.#kill();
    if (!this.#save(isWell)) return;
    for (const order of orders) {
      if (!isWell && this.#random.chance(0.003)) return this.#kill();
      this.#checker.ordered(order, this.#diskState(), this.#viewOf(order.station), this.#second);
      this.#inFlight.push({ order, dueAt: this.#second + (isWell ? 0 : this.#random.below(4)) });
    }
  }

  #step(event: MigrationEvent): readonly Order[] {
    const step = this.#machine.stepMigration(this.#state, event, this.#view());
    for (const progress of step.changed) this.#unsaved.add(progress);
    this.#unsavedEvidence.push(...step.evidence);
    if (step.isReplaced) this.#isReplaced = true;
    this.#checker.stepped(this.#state, event, step.evidence, this.#wallMs);
    return step.orders;
  }

  /** False: the disk failed, and nothing of it is there. */
  #save(isWell: boolean): boolean {
    if (!isWell && this.#second > 0 && this.#random.chance(0.03)) return false;
    this.#disk.head = JSON.stringify(this.#state.head);
    if (this.#isReplaced) this.#disk.stations.clear();
    for (const progress of this.#unsaved) this.#disk.stations.set(progress.station, JSON.stringify(progress));
    this.#disk.evidence.push(...this.#unsavedEvidence.splice(0));
    this.#unsaved.clear();
    this.#isReplaced = false;
    return true;
  }

  #diskState(): { head: MigrationHead; progressOf: (station: StationId) => StationProgress | null } {
    return {
      head: JSON.parse(this.#disk.head) as MigrationHead,
      progressOf: (station) => {
        const text = this.#disk.stations.get(station);
        return text === undefined ? null : (JSON.parse(text) as StationProgress);
      },
    };
  }

  /** What was under way reaches its station or does not; nobody hears of it. */
  #kill(): void {
    this.#lived.kills += 1;
    for (const { order } of this.#inFlight.splice(0)) if (this.#random.chance(0.5)) this.#carryOut(order);
    this.#unsaved.clear();
    this.#unsavedEvidence = [];
    this.#isReplaced = false;
    this.#isFirstTick = true;
    const stations = [...this.#disk.stations.values()].map((text) => JSON.parse(text) as StationProgress);
    this.#state = restoreMigration(JSON.parse(this.#disk.head) as MigrationHead, stations);
    this.#checker.restored(this.#state);
    this.#wallMs += this.#random.below(30_000);
    if (this.#random.chance(0.03)) this.#decide({ do: 'rollback' });
  }

  #settleDue(): void {
    const due = this.#inFlight.filter(({ dueAt }) => dueAt <= this.#second);
    this.#inFlight = this.#inFlight.filter(({ dueAt }) => dueAt > this.#second);
    for (const { order } of due) {
      // It had yet to have its turn.
      if (!isStillWanted(this.#state, order) && this.#ends.chance(0.5)) {
        this.#step({ type: 'settled', order, outcome: { kind: 'let_go' } });
        continue;
      }
      let outcome = this.#carryOut(order);
      if (outcome.kind === 'refused') this.#lived.refusals += 1;
      if (this.#second < troubleS && outcome.kind === 'done' && this.#random.chance(0.03))
        outcome = refuse('unknown_outcome', null);
      this.#step({ type: 'settled', order, outcome });
    }
  }

  #carryOut(order: Order): OrderOutcome {
    const station = this.#stations.get(order.station) as SimStation;
    if (this.#second < troubleS && this.#random.chance(0.05))
      return refuse('journal_failing', station.primary);
    switch (order.do) {
      case 'attach':
        station.isReady = true;
        return done(station, true);
      case 'detach':
        station.isReady = false;
        station.isSynced = false;
        return done(station, true);
      case 'cut_over':
        return this.#cutOver(station);
      case 'roll_back':
        this.#checker.rollingBack(station);
        if (station.before === null) return refuse('nothing_to_undo', station.primary);
        station.primary = station.before;
        station.before = null;
        station.rollbacks += 1;
        this.#lived.rollbacks += 1;
        return done(station, true);
      case 'return':
        return returnTo(station);
      case 'effect':
        this.#checker.sending(station, order);
        return sendEffect(station, order, this.#second < troubleS && this.#whims.chance(0.3));
    }
  }

  #cutOver(station: SimStation): OrderOutcome {
    if (station.primary === 'new') return done(station, false);
    if (!station.isConnected) return refuse('not_connected', station.primary);
    if (!station.isSynced) {
      station.isReady = true;
      return refuse('not_synced', station.primary);
    }
    if (station.refusesFor > 0) return refuse('firmware_update', station.primary);
    if (this.#plan.openTransactions === 'wait' && station.hasTransaction)
      return refuse('transaction_open', station.primary);
    this.#checker.cutOver(station, this.#second);
    station.before = station.primary;
    station.primary = 'new';
    station.cutovers += 1;
    this.#lived.cutovers += 1;
    return done(station, true);
  }

  #lifeGoesOn(isWell: boolean): void {
    const random = this.#random;
    if (!isWell && random.chance(0.02)) this.#isNewUp = !this.#isNewUp;
    if (isWell) this.#isNewUp = true;
    for (const station of this.#stations.values()) {
      if (isWell) {
        station.isConnected = !station.isDead;
        station.hasTransaction = false;
        station.refusesFor = 0;
      } else {
        if (random.chance(station.isConnected ? 0.01 : 0.1)) station.isConnected = !station.isConnected;
        if (random.chance(station.hasTransaction ? 0.05 : 0.01))
          station.hasTransaction = !station.hasTransaction;
        if (station.refusesFor > 0) station.refusesFor -= 1;
        else if (random.chance(0.005)) station.refusesFor = 5 + random.below(40);
        if (random.chance(0.0005)) somebodyElseMoves(station);
        if (station.primary !== 'new' && this.#whims.chance(0.01)) station.asked = wishesOf(this.#whims);
        if (station.isConnected && this.#whims.chance(0.05))
          station.profiles.live(this.#whims, station.primary);
        // The old backend is not kept ready for ever.
        if (station.primary === 'new' && !station.isDead && random.chance(0.002)) station.before = null;
      }
      station.isSynced =
        this.#isNewUp &&
        station.isConnected &&
        (station.isReady || station.primary === 'new') &&
        (station.isSynced || random.chance(0.4));
    }
  }

  #hear(isWell: boolean): Heard {
    const random = this.#random;
    const after = noCounts();
    const before = noCounts();
    const answered: StationId[] = [];
    for (const station of this.#stations.values()) {
      const counts = station.primary === 'new' ? after : before;
      if (!station.isConnected || !random.chance(0.3)) continue;
      if (station.primary === 'new' && this.#isNewUp) answered.push(station.id);
      counts.answered += 10;
      if (!isWell && random.chance(0.03)) counts.errors += 3;
      if (!isWell && random.chance(0.003)) counts.drops += 1;
    }
    const wave = random.below(this.#plan.waves.length);
    const boots = answered
      .filter(() => random.chance(isWell ? 1 : 0.05))
      .map((station) => ({ station, isAccepted: isWell || random.chance(0.8) }));
    return { counted: [{ wave, before, after, sessions: noSessions() }], undelivered: [], boots, answered };
  }

  #decide(decision: MigrationDecision): void {
    this.#lived.decisions += 1;
    const { outcome } = this.#decideStep(decision);
    // Given twice, a decision that stands changes nothing.
    if (outcome?.kind !== 'done') return;
    const again = this.#decideStep(decision).outcome;
    if (again?.kind === 'done' && again.isChanged) this.#checker.break('idempotent', decision.do);
  }

  #decideStep(decision: MigrationDecision): ReturnType<typeof stepMigration> {
    const event: MigrationEvent = { type: 'decided', decision, by: { who: 'ops', reason: 'why not' } };
    this.#checker.deciding(decision, this.#second);
    const step = this.#machine.stepMigration(this.#state, event, this.#view());
    for (const progress of step.changed) this.#unsaved.add(progress);
    this.#unsavedEvidence.push(...step.evidence);
    this.#checker.stepped(this.#state, event, step.evidence, this.#wallMs);
    if (step.orders.length > 0) this.#checker.break('decision', 'a decision gives no orders');
    return step;
  }

  #whim(): MigrationDecision {
    const random = this.#random;
    const wave = random.below(this.#plan.waves.length);
    return random.pick<MigrationDecision>([
      { do: 'pause' },
      { do: 'resume' },
      { do: 'resume' },
      { do: 'approve' },
      { do: 'start_wave', wave },
      { do: 'start_wave', wave },
      { do: 'rollback_wave', wave },
      random.chance(0.2) ? { do: 'rollback' } : { do: 'resume' },
      { do: 'start' },
      { do: 'abandon' },
    ]);
  }

  /** A person who wants it to come to an end, and reads what it says. */
  #meanWell(): void {
    const { phase, isGoingBack, completedBy, waves } = this.#state.head;
    if (isEnd(this.#state.head) || isGoingBack) return;
    if (phase === 'ready') this.#decide({ do: 'start' });
    if (completedBy !== null) return;
    if (phase === 'paused') {
      const stuck = waves.findIndex((wave) => wave.phase === 'rolled-back' || wave.gates.some(isRed));
      if (stuck === -1) this.#decide({ do: 'resume' });
      else if (waves.every((wave) => wave.phase !== 'rolling-back')) this.#decide(this.#wayOut(stuck));
      return;
    }
    const held = waves.findIndex(
      ({ phase: wave, reason }) =>
        wave === 'rolled-back' || (wave === 'soaking' && / has no data|not green/.test(reason ?? '')),
    );
    if (held !== -1) this.#decide({ do: 'start_wave', wave: held });
    else if (waves.some(({ reason }) => reason?.includes('approve') === true))
      this.#decide({ do: 'approve' });
  }

  #wayOut(wave: number): MigrationDecision {
    if (this.#ends.chance(0.1)) return { do: 'complete' };
    return this.#random.chance(0.2) ? { do: 'rollback' } : { do: 'start_wave', wave };
  }

  #view(): MigrationView {
    const { soon, sometimes } = this.#machine.stationsToSee(this.#state);
    const seen = [...soon, ...sometimes].filter(() => this.#random.chance(0.9));
    return {
      wallMs: this.#wallMs,
      stations: new Map(seen.map((id) => [id, this.#viewOf(id)])),
      busy: new Set(this.#inFlight.map(({ order }) => order.station)),
    };
  }

  #viewOf(id: StationId): StationView {
    const { primary, before, isConnected, isReady, isSynced, hasTransaction } = this.#stations.get(
      id,
    ) as SimStation;
    return {
      primary,
      before,
      isConnected,
      isAttached: isReady,
      isSynced,
      sync: isSynced ? 'synced' : 'registering',
      hasTransaction,
    };
  }

  #fleet(): Fleet {
    return {
      backends: new Map([
        ['old', ['ocpp1.6', 'ocpp2.0.1']],
        ['new', ['ocpp1.6', 'ocpp2.0.1']],
      ]),
      groups: new Set(),
      stations: [...this.#stations.values()].map(
        ({ id, site, primary, isConnected, hasTransaction, isV2 }) => ({
          station: id,
          primary,
          version: isV2 ? 'ocpp2.0.1' : 'ocpp1.6',
          vendor: 'ACME',
          model: isV2 ? 'B' : 'A',
          firmware: null,
          groups: [],
          site,
          tags: [],
          isConnected,
          hasTransaction,
        }),
      ),
    };
  }
}

function isEnd({ phase }: MigrationHead): boolean {
  return phase === 'done' || phase === 'rolled-back' || phase === 'abandoned';
}

function isRed({ state }: { readonly state: string }): boolean {
  return state === 'red';
}

function somebodyElseMoves(station: SimStation): void {
  station.isForeign = true;
  station.before = station.primary;
  station.primary = station.primary === 'old' ? 'third' : 'old';
}

function done({ primary }: SimStation, isChanged: boolean): OrderOutcome {
  return { kind: 'done', isChanged, primary };
}

function refuse(
  reason: Extract<OrderOutcome, { kind: 'refused' }>['reason'],
  primary: string | null,
): OrderOutcome {
  return { kind: 'refused', reason, detail: `refused: ${reason}`, primary };
}

/** By a cutover to the old backend, which keeps every station known. */
function returnTo(station: SimStation): OrderOutcome {
  if (!station.isConnected) return refuse('not_connected', station.primary);
  if (station.primary === 'old') return done(station, false);
  station.before = station.primary;
  station.primary = 'old';
  station.rollbacks += 1;
  return done(station, true);
}
