import { describe, expect, test } from 'vitest';
import { driveMigration, waveOf } from '../../testkit/driven-migration.ts';
import { noSideEffects } from './plan.ts';

const twoWaves = [waveOf('canary', []), waveOf('rest', [])];
const setting = { component: null, key: 'Interval', value: '60' };
const cutOrders = (orders: readonly string[]): string[] =>
  orders.filter((order) => order.startsWith('cut_over'));

describe('waves', () => {
  test('the next one is attached while one moves, and moves once that one has soaked', () => {
    const driven = driveMigration({ waves: twoWaves, soakMs: 10_000 }, [['CP-1'], ['CP-2', 'CP-3']]);
    driven.decide({ do: 'start' });
    driven.run(5);
    expect(driven.progress('CP-1').phase).toBe('moved');
    expect(driven.progress('CP-2').phase).toBe('synced');
    expect(driven.state.head.waves[1]).toMatchObject({
      phase: 'attaching',
      reason: 'wave canary is not through: it soaks for 10 s',
    });
    driven.run(12);
    expect(driven.progress('CP-2').phase).toBe('moved');
    driven.run(12);
    expect(driven.state.head.phase).toBe('done');
  });

  test('have their stations verified once the new backend has answered them, also after they passed', () => {
    const driven = driveMigration({ waves: twoWaves, approve: true }, [['CP-1'], ['CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(5);
    expect(driven.state.head.waves[0]?.phase).toBe('passed');
    expect(driven.progress('CP-1').phase).toBe('moved');
    driven.answer('CP-1');
    driven.answer('CP-2');
    driven.run(1);
    expect([driven.progress('CP-1').phase, driven.progress('CP-2').phase]).toEqual(['verified', 'synced']);
  });

  test('do not soak while no station that moved is connected', () => {
    const driven = driveMigration({ soakMs: 60_000 }, [['CP-1', 'CP-2', 'CP-3']]);
    const at = (id: string) => driven.stations.get(driven.progress(id).station);
    driven.decide({ do: 'start' });
    driven.run(4);
    const wave = driven.state.head.waves[0];
    expect(wave).toMatchObject({ phase: 'soaking' });
    for (const id of ['CP-1', 'CP-2', 'CP-3']) Object.assign(at(id) ?? {}, { isConnected: false });
    driven.run(3_600);
    expect(wave).toMatchObject({
      phase: 'soaking',
      reason: 'none of its stations that moved is connected, which is no time soaked',
    });
    Object.assign(at('CP-1') ?? {}, { isConnected: true });
    driven.run(30);
    expect(wave).toMatchObject({ phase: 'soaking', reason: 'it soaks for 60 s' });
    driven.run(60);
    expect(driven.state.head.phase).toBe('done');
  });

  test('keep their pace', () => {
    const stations = Array.from({ length: 10 }, (_, at) => `CP-${at}`);
    const driven = driveMigration({ waves: [waveOf('all', [], { perMinute: 20 })] }, [stations]);
    driven.decide({ do: 'start' });
    driven.run(3);
    driven.takeOrders();
    driven.run(12);
    expect(cutOrders(driven.takeOrders())).toHaveLength(4);
    driven.decide({ do: 'pause' });
    driven.run(600);
    driven.decide({ do: 'resume' });
    // It does not catch up with the pause.
    driven.run(3);
    expect(cutOrders(driven.takeOrders()).length).toBeLessThanOrEqual(2);
  });

  test('have the place in their pace back that an order took which a pause let go', () => {
    const waves = [waveOf('all', [], { perMinute: 1 })];
    const driven = driveMigration({ waves }, [['CP-1', 'CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(1);
    driven.run(1, false);
    expect(driven.open.get(driven.progress('CP-1').station)?.do).toBe('cut_over');
    driven.decide({ do: 'pause' });
    driven.settle('CP-1', { kind: 'let_go' });
    expect(driven.evidence.at(-1)).toMatchObject({ what: 'outcome', before: 'cut_over', after: 'let_go' });
    driven.decide({ do: 'resume' });
    driven.run(2);
    expect(driven.progress('CP-1').phase).toBe('moved');
    expect(driven.progress('CP-2').phase).toBe('synced');
  });

  test('keep their pace though nobody knows what came of a cutover', () => {
    const driven = driveMigration({ waves: [waveOf('all', [], { perMinute: 1 })] }, [['CP-1', 'CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(1);
    driven.run(1, false);
    const { station } = driven.progress('CP-1');
    expect(driven.open.get(station)?.do).toBe('cut_over');
    Object.assign(driven.stations.get(station) ?? {}, { primary: 'new', before: 'old' });
    driven.settle('CP-1', {
      kind: 'refused',
      reason: 'unknown_outcome',
      detail: 'Who knows.',
      primary: null,
    });
    driven.run(30);
    expect(driven.progress('CP-1').phase).toBe('moved');
    expect(driven.progress('CP-2').phase).toBe('synced');
    driven.run(40);
    expect(driven.progress('CP-2').phase).toBe('moved');
  });

  test('wait for their time, and are attached an hour before', () => {
    const driven = driveMigration({ waves: [waveOf('all', [], { atMs: 1_800_000_000_000 + 7_200_000 })] }, [
      ['CP-1'],
    ]);
    driven.decide({ do: 'start' });
    driven.run(60);
    expect(driven.state.head.waves[0]).toMatchObject({
      phase: 'planned',
      reason: 'its time is 2027-01-15T10:00:00.000Z',
    });
    driven.wallMs += 3_600_000;
    driven.run(3);
    expect(driven.progress('CP-1').phase).toBe('synced');
    driven.wallMs += 3_600_000;
    driven.run(3);
    expect(driven.state.head.phase).toBe('done');
  });

  test('wait for a person where the plan says so, but not the first', () => {
    const driven = driveMigration({ waves: twoWaves, approve: true }, [['CP-1'], ['CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(10);
    expect(driven.state.head.waves[1]?.reason).toBe('a person has yet to approve it');
    expect(driven.decide({ do: 'approve' })).toEqual({ kind: 'done', isChanged: true });
    expect(driven.state.head.waves[1]?.reason).not.toBe('a person has yet to approve it');
    expect(driven.evidence.at(-1)).toMatchObject({ what: 'decision', after: 'approve', wave: 'rest' });
    expect(driven.decide({ do: 'approve' })).toEqual({ kind: 'done', isChanged: false });
    driven.run(5);
    expect(driven.state.head.phase).toBe('done');
  });

  test('start each by an approval of its own, however often one is approved by name', () => {
    const waves = ['a', 'b', 'c'].map((name) => waveOf(name, []));
    const driven = driveMigration({ waves, approve: true, soakMs: 10_000 }, [['CP-1'], ['CP-2'], ['CP-3']]);
    driven.decide({ do: 'start' });
    driven.run(20);
    expect(driven.decide({ do: 'approve_wave', wave: 0 })).toEqual({ kind: 'done', isChanged: false });
    expect(driven.decide({ do: 'approve_wave', wave: 1 })).toEqual({ kind: 'done', isChanged: true });
    expect(driven.evidence.at(-1)).toMatchObject({ what: 'decision', after: 'approve_wave', wave: 'b' });
    driven.run(3);
    expect(driven.decide({ do: 'approve_wave', wave: 1 })).toEqual({ kind: 'done', isChanged: false });
    driven.run(60);
    expect(driven.state.head.waves.map(({ phase }) => phase)).toEqual(['passed', 'passed', 'attaching']);
    driven.decide({ do: 'rollback_wave', wave: 1 });
    driven.run(5);
    expect(driven.decide({ do: 'approve_wave', wave: 1 })).toMatchObject({ reason: 'not_now' });
  });

  test('start at a word of a person, whatever else they wait for', () => {
    const driven = driveMigration({ waves: twoWaves, soakMs: 3_600_000 }, [['CP-1'], ['CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(5);
    driven.decide({ do: 'start_wave', wave: 1 });
    driven.run(3);
    expect(driven.progress('CP-2').phase).toBe('moved');
    expect(driven.state.head.waves[0]).toMatchObject({ phase: 'passed', reason: 'a person let it pass' });
  });
});

describe('a station that is in the way', () => {
  test('of a transaction is waited for with a patience of its own', () => {
    const driven = driveMigration({ openTransactions: 'wait', waitUpToMs: 100_000, giveUpAfterMs: 10_000 }, [
      ['CP-1'],
    ]);
    const station = driven.stations.get(driven.progress('CP-1').station);
    if (station === undefined) throw new Error('there is no station');
    station.hasTransaction = true;
    driven.decide({ do: 'start' });
    driven.run(50);
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'waiting', reason: 'a transaction is open' });
    // Away for a moment: that is no hundred seconds of being away.
    station.isConnected = false;
    driven.run(5);
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'waiting', reason: 'it is not connected' });
    station.isConnected = true;
    driven.run(60);
    expect(driven.progress('CP-1')).toMatchObject({
      phase: 'failed',
      reason: 'excused, since it was in the way for too long: a transaction is open',
    });
  });

  test('is not excused by a pause', () => {
    const driven = driveMigration({ giveUpAfterMs: 10_000, soakMs: 60_000 }, [['CP-1']]);
    const station = driven.stations.get(driven.progress('CP-1').station);
    if (station === undefined) throw new Error('there is no station');
    station.isConnected = false;
    driven.decide({ do: 'start' });
    driven.run(5);
    driven.decide({ do: 'pause' });
    driven.run(600);
    driven.decide({ do: 'resume' });
    driven.run(2);
    expect(driven.progress('CP-1').phase).toBe('waiting');
    station.isConnected = true;
    driven.run(3);
    expect(driven.progress('CP-1').phase).toBe('moved');
  });

  test('and was refused is asked again, told once, and tried anew when its wave is started again', () => {
    const driven = driveMigration({ giveUpAfterMs: 10_000 }, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(1);
    driven.takeOrders();
    for (let second = 0; second < 12; second += 1) {
      driven.run(1, false);
      if (driven.open.size > 0)
        driven.settle('CP-1', {
          kind: 'refused',
          reason: 'firmware_update',
          detail: 'A firmware update is under way.',
          primary: 'old',
        });
    }
    expect(cutOrders(driven.takeOrders()).length).toBeGreaterThan(3);
    const told = driven.evidence.filter(({ what, after }) => what === 'outcome' && after === 'refused');
    expect(told.filter(({ before }) => before === 'cut_over')).toHaveLength(1);
    expect(driven.progress('CP-1').phase).toBe('failed');
    expect(driven.state.head.phase).not.toBe('done');
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(4);
    expect(driven.progress('CP-1').phase).toBe('moved');
  });

  test('and is with a third backend is somebody else’s', () => {
    const driven = driveMigration({ soakMs: 60_000 }, [['CP-1', 'CP-2']]);
    const station = driven.stations.get(driven.progress('CP-2').station);
    if (station === undefined) throw new Error('there is no station');
    station.primary = 'third';
    driven.decide({ do: 'start' });
    driven.run(4);
    expect(driven.progress('CP-2')).toMatchObject({
      phase: 'failed',
      reason: 'its primary is third: somebody else moved it',
    });
    driven.takeOrders();
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(driven.takeOrders()).toEqual(['roll_back CP-1', 'detach CP-1', 'detach CP-2']);
    expect(station.primary).toBe('third');
  });
});

describe('decisions', () => {
  test('given twice change nothing the second time', () => {
    const driven = driveMigration({ waves: twoWaves, soakMs: 60_000 }, [['CP-1'], ['CP-2']]);
    for (const decision of [
      { do: 'start' },
      { do: 'pause' },
      { do: 'resume' },
      { do: 'start_wave', wave: 0 },
      { do: 'rollback_wave', wave: 0 },
      { do: 'rollback' },
    ] as const) {
      driven.run(1);
      driven.decide(decision);
      const before = driven.evidence.length;
      expect(driven.decide(decision)).toEqual({ kind: 'done', isChanged: false });
      expect(driven.evidence).toHaveLength(before);
    }
  });

  test('that cannot be say what can', () => {
    const driven = driveMigration({ waves: twoWaves, soakMs: 60_000 }, [['CP-1'], ['CP-2']]);
    expect(driven.decide({ do: 'pause' })).toMatchObject({ reason: 'not_now' });
    expect(driven.decide({ do: 'rollback' })).toMatchObject({ reason: 'not_now' });
    driven.decide({ do: 'start' });
    driven.run(4);
    expect(driven.decide({ do: 'abandon' })).toMatchObject({ reason: 'not_now' });
    expect(driven.decide({ do: 'start_wave', wave: 7 })).toMatchObject({ reason: 'no_such_wave' });
    expect(driven.decide({ do: 'rollback_wave', wave: 1 })).toMatchObject({
      detail: 'No station of wave rest has moved.',
    });
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(2);
    expect(driven.decide({ do: 'resume' })).toMatchObject({
      detail:
        'Wave canary was rolled back. Start it again, complete the migration without it, or roll back the migration.',
    });
    driven.decide({ do: 'rollback' });
    expect(driven.decide({ do: 'pause' })).toMatchObject({ reason: 'not_now' });
    driven.run(5);
    expect(driven.decide({ do: 'start' })).toMatchObject({ reason: 'is_over' });
    const never = driveMigration({}, [['CP-1']]);
    never.decide({ do: 'abandon' });
    expect(never.decide({ do: 'rollback' })).toMatchObject({ reason: 'is_over' });
  });

  test('a rollback undoes what is done, also long after', () => {
    const driven = driveMigration({}, [['CP-1', 'CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(10);
    expect(driven.state.head.phase).toBe('done');
    const [first, second] = [...driven.stations.values()];
    // One is so long ago that it cannot be undone any more.
    if (first !== undefined) first.before = null;
    driven.takeOrders();
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(driven.takeOrders()).toEqual(['return CP-1', 'roll_back CP-2', 'detach CP-1', 'detach CP-2']);
    expect([first?.primary, second?.primary]).toEqual(['old', 'old']);
    expect(driven.state.head.phase).toBe('rolled-back');
  });

  test('nothing is ordered in a pause, and what was under way is told', () => {
    const driven = driveMigration({ soakMs: 60_000 }, [['CP-1', 'CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(1);
    driven.run(1, false);
    driven.decide({ do: 'pause' });
    for (const [id, station] of driven.stations) {
      station.primary = 'new';
      driven.settle(id, { kind: 'done', isChanged: true, primary: 'new' });
    }
    driven.takeOrders();
    driven.run(60);
    expect(driven.takeOrders()).toEqual([]);
    expect(driven.progress('CP-1').phase).toBe('moved');
  });

  test('stations of a wave that is started again are taken off the new backend at a rollback', () => {
    const driven = driveMigration({ soakMs: 60_000 }, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(4);
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(4);
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.takeOrders();
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(driven.takeOrders()).toEqual(['detach CP-1']);
  });
});

describe('what stations are sent', () => {
  const plan = {
    soakMs: 60_000,
    giveUpAfterMs: 20_000,
    also: { ...noSideEffects, configuration: [setting] },
  };

  test('a setting that cannot be read is not set', () => {
    const driven = driveMigration(plan, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(6);
    expect(driven.progress('CP-1').effects).toMatchObject([
      {
        phase: 'failed',
        isWritten: false,
        reason: 'it cannot be read, and could not be put back: it was not set',
      },
    ]);
    expect(driven.state.head.waves[0]?.phase).toBe('soaking');
  });

  test('what a station that somebody else put back was sent is put back, and holds no wave up', () => {
    const driven = driveMigration(plan, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(2);
    driven.run(1, false);
    driven.settle('CP-1', { kind: 'answered', value: '300' });
    driven.run(1, false);
    // It was written, and nobody has heard whether it was.
    const station = driven.stations.get(driven.progress('CP-1').station);
    if (station !== undefined) station.primary = 'old';
    driven.settle('CP-1', { kind: 'refused', reason: 'not_sent', detail: 'No answer.', primary: null });
    driven.run(3, false);
    expect([...driven.open.values()]).toMatchObject([{ do: 'effect', step: { do: 'write', value: '300' } }]);
    driven.settle('CP-1', { kind: 'answered', value: null });
    driven.run(1, false);
    driven.settle('CP-1', { kind: 'answered', value: '300' });
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'rolled-back', effects: [{ phase: 'undone' }] });
    driven.run(1);
    expect(driven.state.head.waves[0]?.phase).toBe('soaking');
  });

  test('one that never answers is given up, and what it was not sent is on record', () => {
    const driven = driveMigration(plan, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(2);
    for (let second = 0; second < 40; second += 1) {
      driven.run(1, false);
      if (driven.open.size > 0)
        driven.settle('CP-1', { kind: 'refused', reason: 'not_sent', detail: 'It is away.', primary: null });
    }
    expect(driven.progress('CP-1').effects).toMatchObject([
      { phase: 'failed', reason: 'not done in time: It is away.' },
    ]);
  });
});
