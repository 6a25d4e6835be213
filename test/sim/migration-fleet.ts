/**
 * The stations and the plan of a simulated migration, and what a station does with what it is sent because of its move.
 */
import type { Order, OrderOutcome } from '../../src/core/migration/events.ts';
import {
  noSideEffects,
  type MigrationPlan,
  type SettingChange,
  type SideEffects,
} from '../../src/core/migration/plan.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import type { Random } from '../../src/testkit/random.ts';
import { SimProfiles } from './migration-profiles.ts';

export interface SimStation {
  readonly id: StationId;
  readonly site: string | null;
  readonly isV2: boolean;
  primary: string;
  before: string | null;
  isReady: boolean;
  isSynced: boolean;
  isConnected: boolean;
  /** It never comes back, once the trouble has begun. */
  readonly isDead: boolean;
  hasTransaction: boolean;
  /** Refuses cutovers for this many more seconds. */
  refusesFor: number;
  /** Somebody else has had a hand in it. */
  isForeign: boolean;
  readonly settings: Map<string, string>;
  readonly original: ReadonlyMap<string, string>;
  /** What the new backend asks it for while it may not write. */
  asked: readonly SettingChange[];
  readonly profiles: SimProfiles;
  cutovers: number;
  rollbacks: number;
}

export function makeFleet(random: Random, whims: Random): Map<StationId, SimStation> {
  const count = 6 + random.below(19);
  const stations = new Map<StationId, SimStation>();
  for (let at = 0; at < count; at += 1) {
    const id = `CP-${at}` as StationId;
    const original = new Map([
      ['HeartbeatInterval', String(random.below(3) * 60)],
      ['Stubborn', '1'],
      ['MeterValueSampleInterval', '60'],
      ['CentralSystemURL', 'wss://busbar.example'],
    ]);
    stations.set(id, {
      id,
      site: random.chance(0.4) ? `site-${random.below(4)}` : null,
      isV2: random.chance(0.3),
      primary: random.chance(0.03) ? 'third' : 'old',
      // An earlier migration brought it here: a rollback too many would undo that one.
      before: random.chance(0.3) ? 'older' : null,
      isReady: false,
      isSynced: false,
      isConnected: random.chance(0.9),
      isDead: random.chance(0.03),
      hasTransaction: random.chance(0.2),
      refusesFor: 0,
      isForeign: false,
      settings: new Map(original),
      original,
      asked: wishesOf(whims),
      profiles: new SimProfiles(whims),
      cutovers: 0,
      rollbacks: 0,
    });
  }
  return stations;
}

/** Half of the plans have no setting that must fail, so that what failed is none of the world's. */
export function withMore(also: SideEffects, whims: Random): SideEffects {
  const configuration = whims.chance(0.5) ? also.configuration.slice(0, 1) : also.configuration;
  return {
    ...also,
    configuration,
    asked: whims.pick(['ignore', 'apply']),
    profiles: whims.pick(['keep', 'clear']),
  };
}

/** As a new backend asks right after a boot: what it may have, what only the plan says, and what nobody gives it. */
export function wishesOf(random: Random): readonly SettingChange[] {
  const wishes: readonly SettingChange[] = [
    { component: null, key: 'MeterValueSampleInterval', value: random.pick(['10', '20']) },
    { component: null, key: 'HeartbeatInterval', value: '7' },
    { component: null, key: 'CentralSystemURL', value: 'wss://new.example' },
    { component: null, key: 'Missing', value: '3' },
  ];
  return wishes.filter(() => random.chance(0.6));
}

export function makePlan(random: Random, stations: readonly SimStation[], wallMs: number): MigrationPlan {
  const movable = stations.filter(({ primary }) => primary === 'old').map(({ id }) => id);
  const first = movable.slice(0, 1 + random.below(2));
  const isGated = random.chance(0.6);
  const measure = random.pick(['calls.errorRate', 'boots.accepted', 'links.drops']);
  return {
    name: 'leave-old',
    from: 'old',
    to: 'new',
    waves: [
      {
        name: 'canary',
        take: { by: 'stations', patterns: first },
        limit: null,
        atMs: null,
        perMinute: null,
        soakMs: null,
      },
      {
        name: 'pilot',
        take: { by: 'stations', patterns: ['CP-*'] },
        limit: random.chance(0.7) ? 2 + random.below(6) : null,
        atMs: random.chance(0.3) ? wallMs + random.below(90_000) : null,
        perMinute: random.chance(0.5) ? random.pick([10, 20, 60, 200]) : null,
        soakMs: random.chance(0.3) ? random.below(30_000) : null,
      },
      {
        name: 'rest',
        take: { by: 'stations', patterns: ['CP-*'] },
        limit: null,
        atMs: null,
        perMinute: 60,
        soakMs: null,
      },
    ].slice(0, random.pick([1, 2, 2, 3])) as MigrationPlan['waves'],
    openTransactions: random.pick(['pin', 'wait']),
    waitUpToMs: 60_000,
    giveUpAfterMs: 40_000,
    gates: isGated
      ? [
          {
            measure,
            atLeast: measure === 'boots.accepted' ? 1 : null,
            atMost: measure === 'boots.accepted' ? null : random.pick([0.02, 0.05, 1]),
            worseThanBefore: random.chance(0.5) ? 0.02 : null,
            forMs: random.pick([0, 5_000]),
            rollback: random.chance(0.4),
            whenNoData: random.pick(['hold', 'pass']),
          },
        ]
      : [],
    soakMs: random.pick([0, 5_000, 20_000]),
    approve: random.chance(0.3),
    keepOldWarmMs: 0,
    also: random.chance(0.5)
      ? {
          clearCache: true,
          configuration: [
            { component: null, key: 'HeartbeatInterval', value: '60' },
            { component: null, key: random.pick(['Stubborn', 'Missing']), value: '2' },
          ],
          asked: 'ignore',
          localList: 'keep',
          profiles: 'keep',
          displayMessages: 'keep',
          tariffs: 'keep',
        }
      : noSideEffects,
  };
}

/** `isLost`: what can be carried out without anybody hearing of it is. */
export function sendEffect(
  station: SimStation,
  { step, isAgain }: Extract<Order, { do: 'effect' }>,
  isLost: boolean,
): OrderOutcome {
  if (!station.isConnected)
    return { kind: 'refused', reason: 'not_sent', detail: 'It is away.', primary: null };
  switch (step.do) {
    case 'clear_cache':
      return { kind: 'answered', value: null };
    case 'list_asked':
      return { kind: 'asked', settings: station.asked };
    case 'list_placed':
    case 'clear_placed':
    case 'place_again':
      return station.profiles.carryOut(step, isAgain, isLost);
    case 'read_list':
      return { kind: 'answered', value: station.settings.get('list') ?? '0' };
    case 'clear_list':
      station.settings.set('list', String(step.version));
      return { kind: 'answered', value: null };
    case 'read':
      return { kind: 'answered', value: station.settings.get(step.key) ?? null };
    case 'write':
      if (step.key === 'Stubborn') return { kind: 'denied', detail: 'Rejected' };
      station.settings.set(step.key, step.value);
      return { kind: 'answered', value: null };
  }
}
