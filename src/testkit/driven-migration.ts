/**
 * The machine of migrations by hand, for tests: stations whose state the test sets, orders that are carried out when it says so.
 *
 * Pure.
 */
import { createMigration } from '../core/migration/create.ts';
import { noCounts, noSessions } from '../core/migration/counts.ts';
import type { EffectStep, Heard, Order, OrderOutcome, StationView } from '../core/migration/events.ts';
import { noSideEffects, planDefaults, type MigrationPlan, type PlannedWave } from '../core/migration/plan.ts';
import type {
  Counts,
  Evidence,
  MigrationDecision,
  MigrationOutcome,
  MigrationState,
  StationProgress,
} from '../core/migration/state.ts';
import { stationsToSee, stepMigration } from '../core/migration/step.ts';
import type { StationId } from '../protocol/station-id.ts';
import { assert } from '../std/assert.ts';

type MutableView = { -readonly [Key in keyof StationView]: StationView[Key] };

export interface DrivenMigration {
  readonly state: MigrationState;
  readonly evidence: Evidence[];
  /** Orders that are not settled, by station. */
  readonly open: Map<StationId, Order>;
  /** As they are; a test sets what it needs. */
  readonly stations: Map<StationId, MutableView>;
  wallMs: number;
  /** What a station answers to what it is sent because of its move; a test sets it. */
  answerEffect: (step: EffectStep) => OrderOutcome;
  decide(decision: MigrationDecision): MigrationOutcome;
  /** So many seconds; `settle` false leaves orders open. */
  run(seconds: number, settle?: boolean): void;
  settle(station: string, outcome: OrderOutcome): void;
  /** The new backend answers it. */
  answer(station: string): void;
  /** Adds to what was counted at the new backend (`after`) and at the old one. */
  count(wave: number, after: Partial<Counts>, before?: Partial<Counts>): void;
  progress(station: string): StationProgress;
  /** Names of orders given since the last call, in order: `cut_over CP-1`. */
  takeOrders(): string[];
}

export function waveOf(
  name: string,
  patterns: readonly string[],
  more: Partial<PlannedWave> = {},
): PlannedWave {
  return {
    name,
    take: { by: 'stations', patterns },
    limit: null,
    atMs: null,
    perMinute: null,
    soakMs: null,
    ...more,
  };
}

export function planWith(plan: Partial<MigrationPlan>): MigrationPlan {
  return {
    ...planDefaults,
    name: 'leave-old',
    from: 'old',
    to: 'new',
    waves: [waveOf('all', ['CP-*'])],
    gates: [],
    soakMs: 0,
    approve: false,
    also: noSideEffects,
    ...plan,
  };
}

/** One list of stations for each wave of the plan. They are connected, idle, with `old`, and known to `new` as soon as that is told of them. */
export function driveMigration(
  plan: Partial<MigrationPlan>,
  waves: readonly (readonly string[])[],
): DrivenMigration {
  const ids = waves as readonly (readonly StationId[])[];
  const stations: DrivenMigration['stations'] = new Map(ids.flat().map((station) => [station, freshView()]));
  const given: string[] = [];
  let heard: Heard['counted'][number][] = [];
  let answered: StationId[] = [];
  const driven: DrivenMigration = {
    state: createMigration('m', planWith(plan), 1_800_000_000_000),
    evidence: [],
    open: new Map(),
    stations,
    wallMs: 1_800_000_000_000,
    answerEffect: () => ({ kind: 'answered', value: null }),
    decide(decision) {
      const { outcome } = step({ type: 'decided', decision, by: { who: 'ops', reason: 'why' } });
      assert(outcome !== null, 'a decision has an outcome');
      return outcome;
    },
    run(seconds, settle = true) {
      for (let second = 0; second < seconds; second += 1) {
        driven.wallMs += 1_000;
        const now = { counted: heard, undelivered: [], boots: [], answered };
        heard = [];
        answered = [];
        const { orders } = step({
          type: 'tick',
          elapsedMs: 1_000,
          heard: now,
        });
        for (const order of orders) {
          driven.open.set(order.station, order);
          given.push(`${order.do} ${order.station}`);
        }
        if (settle) for (const order of orders) driven.settle(order.station, carryOut(order));
      }
    },
    settle(station, outcome) {
      const order = driven.open.get(station as StationId);
      assert(order !== undefined, 'there is an order to settle');
      driven.open.delete(order.station);
      step({ type: 'settled', order, outcome });
    },
    answer(station) {
      answered.push(station as StationId);
    },
    count(wave, after, before = {}) {
      heard.push({
        wave,
        after: { ...noCounts(), ...after },
        before: { ...noCounts(), ...before },
        sessions: noSessions(),
      });
    },
    progress(station) {
      const progress = driven.state.stations.get(station as StationId);
      assert(progress !== undefined, 'the station is in the migration');
      return progress;
    },
    takeOrders: () => given.splice(0),
  };

  const step = (event: Parameters<typeof stepMigration>[1]): ReturnType<typeof stepMigration> => {
    const { soon, sometimes } = stationsToSee(driven.state);
    const taken = stepMigration(driven.state, event, {
      wallMs: driven.wallMs,
      stations: new Map([...soon, ...sometimes].map((id) => [id, stations.get(id) ?? freshView()])),
      busy: new Set(driven.open.keys()),
    });
    driven.evidence.push(...taken.evidence);
    return taken;
  };

  const carryOut = (order: Order): OrderOutcome => {
    const { do: what, station } = order;
    const view = stations.get(station) ?? freshView();
    switch (what) {
      case 'attach':
        view.isAttached = true;
        view.isSynced = true;
        break;
      case 'detach':
        view.isAttached = false;
        view.isSynced = false;
        break;
      case 'cut_over':
        view.before = view.primary;
        view.primary = 'new';
        break;
      case 'roll_back':
      case 'return':
        view.primary = 'old';
        view.before = null;
        break;
      case 'effect':
        return driven.answerEffect(order.step);
    }
    return { kind: 'done', isChanged: true, primary: view.primary };
  };

  step({
    type: 'planned',
    frozen: { waves: ids, problems: [], canaries: [] },
    by: { who: 'ops', reason: null },
  });
  return driven;
}

function freshView(): MutableView {
  return {
    primary: 'old',
    before: null,
    isConnected: true,
    isAttached: false,
    isSynced: false,
    sync: null,
    hasTransaction: false,
  };
}
