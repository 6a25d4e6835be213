import { describe, expect, test } from 'vitest';
import { planWith, waveOf } from '../../testkit/driven-migration.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { Fleet, FleetStation } from './fleet.ts';
import { planMigration } from './freeze.ts';
import { noSideEffects, type MigrationPlan } from './plan.ts';

function stationOf(station: string, more: Partial<FleetStation> = {}): FleetStation {
  return {
    station: station as StationId,
    primary: 'old',
    version: 'ocpp1.6',
    vendor: 'ACME',
    model: 'One',
    firmware: '1.0',
    groups: [],
    site: null,
    tags: [],
    isConnected: true,
    hasTransaction: false,
    ...more,
  };
}

function fleetOf(...stations: FleetStation[]): Fleet {
  return {
    stations,
    backends: new Map([
      ['old', ['ocpp1.6', 'ocpp2.0.1']],
      ['new', ['ocpp1.6']],
    ]),
    groups: new Set(['berlin']),
  };
}

const freeze = (plan: Partial<MigrationPlan>, fleet: Fleet, claims: readonly [string, string][] = []) =>
  planMigration(planWith(plan), fleet, new Map(claims as [StationId, string][]));

const wheres = ({ problems }: { problems: readonly { where: string; isBlocking: boolean }[] }): string[] =>
  problems.map(({ where, isBlocking }) => (isBlocking ? `${where}!` : where));

describe('which station is in which wave', () => {
  test('the first wave that takes a station has it, by list, pattern, group, tag or site', () => {
    const fleet = fleetOf(
      stationOf('CP-1', { groups: ['berlin'] }),
      stationOf('CP-2', { groups: ['berlin'] }),
      stationOf('CP-3', { tags: ['pilot'] }),
      stationOf('CP-4', { site: 'north' }),
      stationOf('XX-5'),
      stationOf('XX-6'),
    );
    const { waves, problems } = freeze(
      {
        waves: [
          waveOf('canary', ['CP-1']),
          waveOf('group', [], { take: { by: 'group', group: 'berlin' } }),
          waveOf('tag', [], { take: { by: 'tag', tag: 'pilot' } }),
          waveOf('site', [], { take: { by: 'site', site: 'north' } }),
          waveOf('rest', ['*-5', 'CP-*']),
        ],
      },
      fleet,
    );
    expect(waves).toEqual([['CP-1'], ['CP-2'], ['CP-3'], ['CP-4'], ['XX-5']]);
    expect(problems).toEqual([]);
  });

  test('a station that a wave names and an earlier one takes is worth knowing', () => {
    const { waves, problems } = freeze(
      { waves: [waveOf('pilot', ['CP-*']), waveOf('last', ['CP-2', 'XX-3'])] },
      fleetOf(stationOf('CP-1'), stationOf('CP-2'), stationOf('XX-3')),
    );
    expect(waves).toEqual([['CP-1', 'CP-2'], ['XX-3']]);
    expect(problems).toMatchObject([
      {
        where: 'waves[1]',
        stations: ['CP-2'],
        isBlocking: false,
        why: expect.stringContaining('earlier') as string,
      },
    ]);
  });

  test('a limit never splits a site: one that does not fit whole waits for a later wave', () => {
    const fleet = fleetOf(
      stationOf('CP-1', { site: 'a' }),
      stationOf('CP-2', { site: 'a' }),
      stationOf('CP-3', { site: 'b' }),
      stationOf('CP-4', { site: 'b' }),
      stationOf('CP-5'),
    );
    const waves = [waveOf('first', ['CP-*'], { limit: 3 }), waveOf('rest', ['CP-*'])];
    expect(freeze({ waves }, fleet).waves).toEqual([
      ['CP-1', 'CP-2', 'CP-5'],
      ['CP-3', 'CP-4'],
    ]);
    const alone = freeze({ waves: waves.slice(0, 1) }, fleet);
    expect(alone.problems).toMatchObject([
      { where: 'waves[0]', stations: ['CP-3', 'CP-4'], stationCount: 2, isBlocking: false },
    ]);
  });

  test('a site whose stations are in several waves by name is worth knowing', () => {
    const fleet = fleetOf(stationOf('CP-1', { site: 'a' }), stationOf('CP-2', { site: 'a' }));
    const { problems } = freeze({ waves: [waveOf('one', ['CP-1']), waveOf('two', ['CP-2'])] }, fleet);
    expect(problems).toMatchObject([
      { isBlocking: false, why: expect.stringContaining('the site a') as string },
    ]);
  });

  test('proposes of each vendor, model and firmware one that is connected and idle', () => {
    const fleet = fleetOf(
      stationOf('CP-1', { isConnected: false }),
      stationOf('CP-2', { hasTransaction: true }),
      stationOf('CP-3'),
      stationOf('CP-4', { firmware: '2.0' }),
    );
    expect(freeze({}, fleet).canaries).toMatchObject([
      { station: 'CP-3', firmware: '1.0', standsFor: 3 },
      { station: 'CP-4', firmware: '2.0', standsFor: 1 },
    ]);
  });
});

describe('what is wrong with a plan', () => {
  const fleet = fleetOf(
    stationOf('CP-1'),
    stationOf('CP-2', { primary: 'third' }),
    stationOf('CP-3', { version: 'ocpp2.0.1' }),
    stationOf('CP-4'),
  );

  test('a station that is named and cannot be moved blocks', () => {
    const frozen = freeze({ waves: [waveOf('all', ['CP-1', 'CP-2', 'CP-3', 'CP-4', 'CP-9'])] }, fleet, [
      ['CP-4', 'other'],
    ]);
    expect(frozen.waves).toEqual([['CP-1']]);
    expect(frozen.problems.map(({ stations, isBlocking }) => [stations[0], isBlocking])).toEqual([
      ['CP-9', true],
      ['CP-2', true],
      ['CP-3', true],
      ['CP-4', true],
    ]);
  });

  test('one that a pattern brings in is left out, and the plan says so', () => {
    const frozen = freeze({}, fleet, [['CP-4', 'other']]);
    expect(frozen.waves).toEqual([['CP-1']]);
    expect(wheres(frozen)).toEqual(['waves[0]', 'waves[0]', 'waves[0]']);
    expect(frozen.problems[2]).toMatchObject({
      why: 'they are in other already, which is not over: left out',
      advice: 'end that migration first',
      stations: ['CP-4'],
    });
  });

  test('a wave without stations blocks', () => {
    expect(wheres(freeze({ waves: [waveOf('all', ['CP-1']), waveOf('none', ['XX-*'])] }, fleet))).toEqual([
      'waves[1]!',
    ]);
  });

  test('names that mean nothing block, each where it stands', () => {
    const frozen = freeze(
      {
        from: 'nobody',
        to: 'nobody',
        waves: [
          waveOf('1', ['CP-1'], { perMinute: 0, limit: 0 }),
          waveOf('twice', [], { take: { by: 'group', group: 'paris' } }),
          waveOf('twice', ['CP-1']),
        ],
        gates: [
          {
            measure: 'mood',
            atLeast: null,
            atMost: null,
            worseThanBefore: null,
            forMs: 0,
            rollback: false,
            whenNoData: 'hold',
          },
        ],
      },
      fleet,
    );
    expect(wheres(frozen).slice(0, 10)).toEqual([
      'from!',
      'to!',
      'to!',
      'waves[0].name!',
      'waves[0].pace!',
      'waves[0].limit!',
      'waves[1].group!',
      'waves[2].name!',
      'gates[0].measure!',
      'gates[0]!',
    ]);
  });

  test('what clearing profiles, messages and tariffs leaves is said, and stops nothing', () => {
    const cleared = { profiles: 'clear', displayMessages: 'clear', tariffs: 'clear' } as const;
    const frozen = freeze({ also: { ...noSideEffects, localList: 'clear', ...cleared } }, fleet);
    expect(wheres(frozen).slice(0, 3)).toEqual(['also.profiles', 'also.displayMessages', 'also.tariffs']);
    expect(wheres(freeze({ also: noSideEffects }, fleet)).filter((at) => at.startsWith('also'))).toEqual([]);
  });
});

test('a site of which a plan leaves a station behind is a problem to know', () => {
  const fleet = fleetOf(stationOf('CP-1', { site: 'depot' }), stationOf('CP-2', { site: 'depot' }));
  const { problems } = freeze({ waves: [waveOf('a', ['CP-1'])] }, fleet);
  expect(problems).toMatchObject([{ where: 'waves[0]', stations: ['CP-2'], isBlocking: false }]);
});
