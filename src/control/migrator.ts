/**
 * Moves fleets: keeps every migration that is not over going, one tick a second, and takes what people decide.
 *
 * Not pure. After a restart each goes on from what was saved; what was under way is looked at and, where it is missing, ordered again.
 */
import { hasStuck } from '../core/migration/back.ts';
import { createMigration } from '../core/migration/create.ts';
import { planMigration } from '../core/migration/freeze.ts';
import type { FrozenPlan } from '../core/migration/fleet.ts';
import { isOver, isUnderWay } from '../core/migration/phase.ts';
import type { MigrationPlan, PlanProblem } from '../core/migration/plan.ts';
import type { StationProgress } from '../core/migration/state.ts';
import type { Assignments } from '../ports/assignments.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import {
  migrationsKept,
  migrationsMax,
  type DecidedBy,
  type MigrationDecision,
  type MigrationFault,
  type Migrations,
  type MigrationSnapshot,
  type MigrationStore,
  type MigrationStoreFault,
  type ProgressQuery,
} from '../ports/migrations.ts';
import type { JournalFeed, Registry } from '../ports/registry.ts';
import type { StationCommander } from '../ports/station-commander.ts';
import type { StationId } from '../protocol/station-id.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { readFleet, type FleetSettings } from './migration-fleet.ts';
import { createOrderDesk, type OrderDesk } from './migration-orders.ts';
import { MigrationRun } from './migration-run.ts';
import { snapshotOf } from './migration-snapshot.ts';
import { takeTurns } from './turns.ts';
import { createWaveMeter, type WaveMeter } from './wave-meter.ts';

export interface MigratorPorts {
  readonly store: MigrationStore;
  readonly registry: Registry;
  readonly assignments: Assignments;
  readonly commander: StationCommander;
  readonly feed: JournalFeed;
  readonly clock: Clock;
  readonly log: Log;
  /** Those of this moment: a reload replaces them. */
  readonly settings: () => FleetSettings;
  /** Unique for ever, url-safe. */
  readonly newId: () => string;
  /** Between two looks at a migration, milliseconds; a second when left out. */
  readonly tickMs?: number;
}

export interface Migrator extends Migrations {
  /** Begins nothing more, and resolves once what was begun is settled. What is open goes on with the next process. */
  close(): Promise<void>;
}

const everySecondMs = 1_000;
const sliceMs = 10;

/** Reads back every migration, and lets those that are not over go on. */
export async function startMigrator(ports: MigratorPorts): Promise<Result<Migrator, MigrationStoreFault>> {
  const stored = await ports.store.load();
  if (!stored.ok) return stored;
  const house = new House(ports);
  for (const each of stored.value) house.add(new MigrationRun(house.runPorts, each));
  house.start();
  return ok(house);
}

class House implements Migrator {
  readonly #ports: MigratorPorts;
  readonly #desk: OrderDesk;
  readonly #meter: WaveMeter;
  /** Oldest first. */
  readonly #runs: MigrationRun[] = [];
  #isOpen = true;
  #ticking: Promise<void> = Promise.resolve();
  #wake: (() => void) | null = null;
  /** One plan meets the fleet at a time, so that no two claim a station. */
  #planning: Promise<unknown> = Promise.resolve();

  constructor(ports: MigratorPorts) {
    this.#ports = ports;
    this.#desk = createOrderDesk(ports);
    this.#meter = createWaveMeter(ports.feed);
  }

  get runPorts(): ConstructorParameters<typeof MigrationRun>[0] {
    const { store, registry, clock, settings } = this.#ports;
    const isConfigured = (backend: string): boolean => settings().backends.has(backend);
    return { store, registry, clock, isConfigured, desk: this.#desk, meter: this.#meter };
  }

  add(run: MigrationRun): void {
    this.#runs.push(run);
  }

  start(): void {
    this.#ticking = this.#tickOn();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#wake?.();
    await this.#ticking;
    await this.#desk.close();
    // What was settled last is told, so that the next process need not look for it.
    for (const run of this.#live()) {
      await this.#tick(run);
      // What it ordered just now was let go.
      await run.settle();
    }
    this.#meter.close();
    await this.#ports.store.close();
  }

  async preview(plan: MigrationPlan): ReturnType<Migrations['preview']> {
    const { waves, problems, canaries } = await this.#freeze(plan, null);
    return {
      waves: waves.map((stations, at) => ({ name: plan.waves[at]?.name ?? '', stations })),
      problems: this.#isNameTaken(plan) ? [nameTaken(plan), ...problems] : problems,
      canaries,
    };
  }

  #isNameTaken({ name }: MigrationPlan): boolean {
    return this.#runs.some(({ state: { head } }) => !isOver(head.phase) && head.plan.name === name);
  }

  create(...[plan, by]: Parameters<Migrations['create']>): ReturnType<Migrations['create']> {
    return this.#onePlan(async () => {
      const open = this.#runs.filter(({ state }) => !isOver(state.head.phase));
      if (this.#isNameTaken(plan)) return fault('name_taken', `A migration called ${plan.name} is not over.`);
      if (open.length >= migrationsMax)
        return fault('too_many', `${migrationsMax} migrations are not over. End one of them first.`);
      const { head } = createMigration(this.#ports.newId(), plan, this.#ports.clock.wallMs());
      const run = new MigrationRun(this.runPorts, { head, stations: [] });
      const failed = await run.plan(await this.#freeze(plan, null), by);
      if (run.bug !== null) return stopped(run.bug);
      if (failed !== null) return fault('storage', `It could not be kept: ${failed.detail}`);
      this.#runs.push(run);
      this.#forgetOldest();
      return ok(snapshotOf(run.state));
    });
  }

  /** As the store does: what it has forgotten can be rolled back by half only. */
  #forgetOldest(): void {
    while (this.#runs.length > migrationsKept) {
      const oldest = this.#runs.findIndex(({ state }) => isOver(state.head.phase));
      if (oldest === -1) return;
      this.#runs.splice(oldest, 1);
    }
  }

  replan(...[idOrName, by]: Parameters<Migrations['replan']>): ReturnType<Migrations['replan']> {
    return this.#onePlan(async () => {
      const run = this.#find(idOrName);
      if (run === null) return unknown(idOrName);
      const failed = await run.plan(await this.#freeze(run.state.head.plan, run), by);
      if (run.bug !== null) return stopped(run.bug);
      if (failed !== null) return fault('storage', `It is not known to be kept: ${failed.detail}`);
      return ok(snapshotOf(run.state));
    });
  }

  async decide(
    ...[idOrName, decision, by]: Parameters<Migrations['decide']>
  ): ReturnType<Migrations['decide']> {
    const run = this.#find(idOrName);
    if (run === null) return unknown(idOrName);
    if (decision.do !== 'rollback' || !mayReopen(run.state)) return this.#decide(run, decision, by);
    // It has its stations again from then on: no plan may meet the fleet meanwhile.
    return this.#onePlan(async () => {
      if (this.#find(run.id) === null) return unknown(idOrName);
      const other = this.#claimantOf(run);
      if (other !== null) return fault('claimed', `Its stations are in ${other} by now, which is not over.`);
      return this.#decide(run, decision, by);
    });
  }

  async #decide(
    run: MigrationRun,
    decision: MigrationDecision,
    by: DecidedBy,
  ): ReturnType<Migrations['decide']> {
    const decided = await run.decide(decision, by);
    if (decided === null) return stopped(run.bug);
    const { outcome, fault: failed } = decided;
    if (outcome.kind === 'done' && outcome.isChanged)
      this.#ports.log.info('migration_decided', { migration: run.id, decision: decision.do, who: by.who });
    if (failed !== null) return fault('storage', `It is decided, and not known to be kept: ${failed.detail}`);
    return ok(outcome);
  }

  list(): readonly MigrationSnapshot[] {
    return this.#runs.toReversed().map(({ state }) => snapshotOf(state));
  }

  find(idOrName: string): MigrationSnapshot | null {
    const run = this.#find(idOrName);
    return run === null ? null : snapshotOf(run.state);
  }

  waveOf(idOrName: string, nameOrNumber: string): number | null {
    const waves = this.#find(idOrName)?.state.head.waves ?? [];
    const named = waves.findIndex(({ name }) => name === nameOrNumber);
    if (named !== -1) return named;
    const at = /^\d{1,3}$/.test(nameOrNumber) ? Number(nameOrNumber) - 1 : -1;
    return waves[at] === undefined ? null : at;
  }

  stations(idOrName: string, query: ProgressQuery): readonly StationProgress[] | null {
    const run = this.#find(idOrName);
    if (run === null) return null;
    const { stations } = run.state;
    const found: StationProgress[] = [];
    let isPast = query.after === undefined || !stations.has(query.after);
    for (const progress of stations.values()) {
      if (found.length >= query.limit) break;
      if (!isPast) isPast = progress.station === query.after;
      else if (
        (query.wave === undefined || progress.wave === query.wave) &&
        (query.phase === undefined || progress.phase === query.phase)
      )
        found.push(structuredClone(progress));
    }
    return found;
  }

  claimOf(station: StationId): ReturnType<Migrations['claimOf']> {
    for (const { state } of this.#runs) {
      const progress = isClaiming(state) ? state.stations.get(station) : undefined;
      if (progress !== undefined)
        return { migration: state.head.plan.name, progress: structuredClone(progress) };
    }
    return null;
  }

  async evidence(
    ...[idOrName, after, limit]: Parameters<Migrations['evidence']>
  ): ReturnType<Migrations['evidence']> {
    const run = this.#find(idOrName);
    if (run === null) return unknown(idOrName);
    const page = await this.#ports.store.evidence(run.id, after, limit);
    return page.ok ? page : fault('storage', page.fault.detail);
  }

  #onePlan<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#planning.then(work);
    this.#planning = done.catch(() => null);
    return done;
  }

  /** An id, or a name: the newest of that name. */
  #find(idOrName: string): MigrationRun | null {
    return (
      this.#runs.find(({ id }) => id === idOrName) ??
      this.#runs.findLast(({ state }) => state.head.plan.name === idOrName) ??
      null
    );
  }

  /** The plan with the fleet as it is, and with what every other migration has. */
  async #freeze(plan: MigrationPlan, self: MigrationRun | null): Promise<FrozenPlan> {
    const { registry, settings } = this.#ports;
    const fleet = await readFleet(registry, settings(), takeTurns(sliceMs));
    const claims = new Map<StationId, string>();
    for (const run of this.#runs) {
      if (run === self || !isClaiming(run.state)) continue;
      for (const station of run.state.stations.keys()) claims.set(station, run.state.head.plan.name);
    }
    return planMigration(plan, fleet, claims);
  }

  /** Another migration that has one of its stations by now. */
  #claimantOf({ state }: MigrationRun): string | null {
    for (const { state: other } of this.#runs) {
      if (other === state || !isClaiming(other)) continue;
      for (const station of state.stations.keys())
        if (other.stations.has(station)) return other.head.plan.name;
    }
    return null;
  }

  #live(): MigrationRun[] {
    return this.#runs.filter(({ state: { head }, bug }) => isUnderWay(head.phase) && bug === null);
  }

  async #tickOn(): Promise<void> {
    const { clock, tickMs = everySecondMs } = this.#ports;
    while (this.#isOpen) {
      const beganAtMs = clock.nowMs();
      for (const run of this.#runs) {
        if (!isUnderWay(run.state.head.phase) || run.bug !== null) this.#meter.forget(run.id);
        else if (this.#isOpen) await this.#tick(run);
      }
      const waitMs = Math.max(0, tickMs - (clock.nowMs() - beganAtMs));
      const slept = Promise.withResolvers<void>();
      const timer = setTimeout(slept.resolve, waitMs);
      this.#wake = slept.resolve;
      if (!this.#isOpen) slept.resolve();
      await slept.promise;
      clearTimeout(timer);
    }
  }

  async #tick(run: MigrationRun): Promise<void> {
    const { log } = this.#ports;
    this.#meter.follow(run.state);
    const before = run.state.head.phase;
    const failed = await run.tick();
    if (failed !== null)
      log.warn('migration_not_saved', { migration: run.id, fault: failed.fault, detail: failed.detail });
    // A bug stops this migration, and no other. It goes on from what was saved when Busbar is started again.
    if (run.bug !== null) log.error('migration_stopped', { migration: run.id, error: run.bug });
    const { phase, reason } = run.state.head;
    if (phase !== before) log.info('migration_phase', { migration: run.id, before, after: phase, reason });
  }
}

function nameTaken({ name }: MigrationPlan): PlanProblem {
  return {
    where: 'name',
    why: `a migration called ${name} is not over`,
    advice: 'choose another name, or end that one first',
    stations: [],
    stationCount: 0,
    isBlocking: true,
  };
}

/** A draft has its stations to itself only once it is ready. */
function isClaiming({ head }: MigrationRun['state']): boolean {
  return head.phase === 'ready' || isUnderWay(head.phase);
}

/** It is over, and a rollback makes it go on. */
function mayReopen({ head, stations }: MigrationRun['state']): boolean {
  return head.phase === 'done' || (head.phase === 'rolled-back' && hasStuck(stations.values()));
}

function fault(
  kind: MigrationFault['fault'],
  detail: string,
): { readonly ok: false; readonly fault: MigrationFault } {
  return fail({ fault: kind, detail });
}

function stopped(bug: string | null): { readonly ok: false; readonly fault: MigrationFault } {
  return fault(
    'stopped',
    `A bug stopped it: ${bug ?? 'unknown'}. It goes on from where it was when Busbar is started again.`,
  );
}

function unknown(idOrName: string): { readonly ok: false; readonly fault: MigrationFault } {
  return fault('unknown', `No migration is called ${idOrName}.`);
}
