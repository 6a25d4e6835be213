import { describe, expect, test } from 'vitest';
import { driveMigration, waveOf, type DrivenMigration } from '../../testkit/driven-migration.ts';
import { countAnswer, noCounts } from './counts.ts';
import type { Gate } from './plan.ts';

function gateOf(measure: string, more: Partial<Gate>): Gate {
  return {
    measure,
    atLeast: null,
    atMost: null,
    worseThanBefore: null,
    forMs: 0,
    rollback: false,
    whenNoData: 'hold',
    ...more,
  };
}

/** A migration of two stations that have moved, with this gate. */
function moved(gate: Gate): DrivenMigration {
  const driven = driveMigration({ gates: [gate], soakMs: 60_000 }, [['CP-1', 'CP-2']]);
  driven.decide({ do: 'start' });
  driven.run(4);
  return driven;
}

const gateIn = ({ state }: DrivenMigration) => state.head.waves[0]?.gates[0];
const answersOf = (...times: number[]): number[] => {
  const counts = noCounts();
  for (const time of times) countAnswer(counts, time);
  return counts.answers;
};

describe('a gate', () => {
  test('has no data before anything was measured, and says so while it holds its wave', () => {
    const driven = moved(gateOf('calls.errorRate', { atMost: 0.01 }));
    expect(gateIn(driven)).toMatchObject({ state: 'no-data', value: null });
    driven.run(60);
    expect(driven.state.head.waves[0]).toMatchObject({
      phase: 'soaking',
      reason:
        'calls.errorRate has no data: its stations have given nothing to measure since the first of them moved',
    });
    driven.count(0, { answered: 10 });
    driven.run(1);
    expect(driven.state.head.phase).toBe('done');
  });

  test('lets a wave pass without data where the plan says so', () => {
    const driven = moved(gateOf('calls.errorRate', { atMost: 0.01, whenNoData: 'pass' }));
    driven.run(60);
    expect(driven.state.head.phase).toBe('done');
  });

  test('is red only once a limit has not held for as long as it allows', () => {
    const driven = moved(gateOf('calls.errorRate', { atMost: 0.1, forMs: 5_000 }));
    driven.count(0, { answered: 8, errors: 2, unanswered: 2 });
    driven.run(5);
    expect(gateIn(driven)).toMatchObject({ state: 'green', value: 0.4, brokenMs: 4_000 });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({ state: 'red', reason: '40 % is more than 10 %' });
    expect(driven.state.head).toMatchObject({
      phase: 'paused',
      reason: 'calls.errorRate of wave all is red: 40 % is more than 10 %',
    });
    expect(driven.evidence.findLast(({ what }) => what === 'gate')).toMatchObject({
      after: 'red',
      values: { measure: 'calls.errorRate', value: 0.4 },
    });
  });

  test('takes a boot for accepted where a cutover needed that, and not where a route moved the station', () => {
    const driven = driveMigration({ soakMs: 3_600_000, gates: [gateOf('boots.accepted', { atLeast: 1 })] }, [
      ['CP-1', 'CP-2'],
    ]);
    for (const station of driven.stations.values()) station.primary = 'new';
    driven.decide({ do: 'start' });
    driven.run(3);
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'moved', reason: 'somebody else moved it' });
    expect(gateIn(driven)).toMatchObject({ state: 'no-data', value: null });
    const other = moved(gateOf('boots.accepted', { atLeast: 1 }));
    other.run(1);
    expect(gateIn(other)).toMatchObject({ state: 'green', value: 1 });
  });

  test('that is broken for less lets no wave pass either', () => {
    const driven = moved(gateOf('calls.errorRate', { atMost: 0.1, forMs: 3_600_000 }));
    driven.count(0, { answered: 2, errors: 1 });
    driven.run(120);
    expect(driven.state.head.waves[0]).toMatchObject({
      phase: 'soaking',
      reason: 'calls.errorRate is not green: 50 % is more than 10 %',
    });
  });

  test('compares with the same stations at the old backend, in whichever direction is worse', () => {
    const driven = moved(gateOf('authorisations.accepted', { worseThanBefore: 0.05 }));
    driven.count(0, { asked: 10, accepted: 9 });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({
      state: 'no-data',
      reason: 'nothing was measured at the old backend',
    });
    driven.count(0, {}, { asked: 100, accepted: 94 });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({ state: 'green', value: 0.9, before: 0.94 });
    driven.count(0, { asked: 10, accepted: 7 });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({ state: 'red', value: 0.8 });
  });

  test('measures the bound within which 95 % of the answers came', () => {
    const driven = moved(gateOf('answers.p95', { atMost: 200 }));
    driven.count(0, { answers: answersOf(...Array.from({ length: 19 }, () => 8), 90_000) });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({ state: 'green', value: 10 });
    driven.count(0, { answers: answersOf(90_000) });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({ state: 'red', value: 120_000 });
  });

  test('says in a pause what its wave waits for by now', () => {
    const driven = driveMigration(
      {
        waves: [waveOf('a', []), waveOf('b', [])],
        gates: [gateOf('calls.errorRate', { atMost: 0.1, whenNoData: 'pass' })],
        soakMs: 60_000,
      },
      [['CP-1'], ['CP-2']],
    );
    driven.decide({ do: 'start' });
    driven.run(4);
    driven.count(0, { answered: 1, errors: 1 });
    driven.run(1);
    const why = 'calls.errorRate is not green: 100 % is more than 10 %';
    expect(driven.state.head).toMatchObject({
      phase: 'paused',
      waves: [{ reason: why }, { reason: `wave a is not through: ${why}` }],
    });
    driven.count(0, { answered: 99 });
    driven.run(1);
    expect(driven.state.head.waves[0]?.reason).toBe('it soaks for 60 s');
    driven.run(60);
    expect(driven.state.head).toMatchObject({
      phase: 'paused',
      waves: [{ reason: 'the migration is paused' }, {}],
    });
  });

  test('counts the first hour of each station’s links whole, so that one that ends at once is no sixty an hour', () => {
    const driven = moved(gateOf('links.drops', { atMost: 1 }));
    driven.count(0, { drops: 2 });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({ state: 'green', value: 1 });
    driven.count(0, { drops: 1 });
    driven.run(1);
    expect(gateIn(driven)).toMatchObject({ state: 'red', value: 1.5 });
  });

  test('a person lets a wave go on though it is red', () => {
    const driven = moved(gateOf('calls.errorRate', { atMost: 0.1 }));
    driven.count(0, { answered: 1, errors: 1 });
    driven.run(1);
    expect(driven.decide({ do: 'resume' })).toMatchObject({ kind: 'refused', reason: 'gate_red' });
    expect(driven.decide({ do: 'start_wave', wave: 0 })).toEqual({ kind: 'done', isChanged: true });
    driven.run(1);
    expect(driven.state.head.phase).toBe('done');
  });
});
