/** A migration that people, absent stations and other waves interfere with. */
import { describe, expect, test } from 'vitest';
import { driveMigration, waveOf, type DrivenMigration } from '../../testkit/driven-migration.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { OrderOutcome } from './events.ts';
import { noSideEffects, type Gate } from './plan.ts';
import { beginReport, finishReport, readEvidence } from './report.ts';

const viewOf = (driven: DrivenMigration, id: string) => {
  const station = driven.stations.get(id as StationId);
  if (station === undefined) throw new Error('there is no station');
  return station;
};
const also = (...keys: string[]) => ({
  ...noSideEffects,
  configuration: keys.map((key) => ({ component: null, key, value: '60' })),
});
const away = { kind: 'refused', reason: 'not_sent', detail: 'It is away.', primary: null } as const;
const reportOf = ({ evidence, state: { head, stations } }: DrivenMigration) => {
  const draft = beginReport();
  readEvidence(draft, evidence);
  return finishReport(draft, { head, stations: [...stations.values()], sessionsOf: () => null, madeAt: 0 });
};
const drops: Gate = {
  measure: 'links.drops',
  atLeast: null,
  atMost: 1,
  worseThanBefore: null,
  forMs: 0,
  rollback: false,
  whenNoData: 'pass',
};

/** Its old backend is not configured any more, and stays so for a day. */
function giveUpOnTheWayBack(driven: DrivenMigration): void {
  const gone = { kind: 'refused', reason: 'unknown_backend', detail: 'Add it.', primary: 'new' } as const;
  for (let second = 0; second < 25 * 3_600; second += 1) {
    driven.run(1, false);
    if (driven.open.size > 0) driven.settle('CP-1', gone);
  }
  expect(driven.progress('CP-1').isStuck).toBe(true);
}

describe('what people and absence do in the midst of a migration', () => {
  test('links that ended while a wave had passed are counted against the time that it had passed too', () => {
    const driven = driveMigration(
      { waves: [waveOf('a', []), waveOf('b', [])], approve: true, gates: [drops], giveUpAfterMs: 5_000 },
      [['CP-1', 'CP-2'], ['CP-3']],
    );
    viewOf(driven, 'CP-2').isConnected = false;
    driven.decide({ do: 'start' });
    driven.run(12);
    expect(driven.state.head.waves[0]?.phase).toBe('passed');
    // Five hours, with one link that ends in each.
    for (let hour = 0; hour < 5; hour += 1) {
      driven.count(0, { drops: 1 });
      driven.run(3_600);
    }
    viewOf(driven, 'CP-2').isConnected = true;
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(5);
    expect(driven.state.head.waves[0]?.gates[0]?.state).toBe('green');
    expect(driven.state.head.phase).not.toBe('paused');
  });

  test('patience with a station on its way back begins anew, whatever was in its way before', () => {
    const day = 24 * 3_600_000;
    const driven = driveMigration(
      { soakMs: day, giveUpAfterMs: 3 * day, keepOldWarmMs: 0, also: also('K') },
      [['CP-1']],
    );
    driven.answerEffect = () => away;
    driven.decide({ do: 'start' });
    driven.run(6);
    expect(driven.progress('CP-1').phase).toBe('moved');
    driven.run(25 * 3_600);
    viewOf(driven, 'CP-1').before = null;
    driven.takeOrders();
    driven.decide({ do: 'rollback' });
    driven.run(3);
    expect(driven.takeOrders()[0]).toBe('return CP-1');
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'rolled-back', isStuck: false });
    expect(viewOf(driven, 'CP-1').primary).toBe('old');
  });

  test('a rollback of all tries again what a rollback of a wave had given up', () => {
    const driven = driveMigration({ soakMs: 3_600_000 }, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(4);
    const station = viewOf(driven, 'CP-1');
    station.before = null;
    station.isConnected = false;
    driven.decide({ do: 'rollback_wave', wave: 0 });
    for (let second = 0; second < 24 * 3_600 + 60; second += 1) {
      driven.run(1, false);
      if (driven.open.size > 0)
        driven.settle('CP-1', { kind: 'refused', reason: 'not_connected', detail: 'Away.', primary: 'new' });
    }
    expect(driven.state.head.waves[0]?.phase).toBe('rolled-back');
    expect(driven.progress('CP-1').isStuck).toBe(true);
    station.isConnected = true;
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(station.primary).toBe('old');
    expect(driven.progress('CP-1').phase).toBe('rolled-back');
  });

  test('a station whose old backend was taken out of the configuration is given up after a day, and rolled back again once it is there', () => {
    const driven = driveMigration({ soakMs: 3_600_000 }, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(4);
    const refuse = (reason: 'unknown_backend' | 'not_synced', seconds: number): void => {
      for (let second = 0; second < seconds; second += 1) {
        driven.run(1, false);
        if (driven.open.size > 0)
          driven.settle('CP-1', { kind: 'refused', reason, detail: 'Add it first.', primary: 'new' });
      }
    };
    driven.decide({ do: 'rollback' });
    refuse('unknown_backend', 23 * 3_600);
    // One that is only down is waited for.
    refuse('not_synced', 2 * 3_600);
    expect(driven.state.head.phase).toBe('running');
    refuse('unknown_backend', 10);
    expect(driven.state.head.phase).toBe('rolled-back');
    expect(driven.progress('CP-1').reason).toBe('it could not be brought back: Add it first.');
    expect(driven.decide({ do: 'rollback' })).toEqual({ kind: 'done', isChanged: true });
    refuse('unknown_backend', 25 * 3_600);
    expect(driven.state.head.phase).toBe('rolled-back');
    const givenUp = driven.evidence.filter(({ what, after }) => what === 'station' && after === 'failed');
    expect(givenUp.map(({ before }) => before)).toEqual(['moved', 'failed']);
    expect(reportOf(driven).exceptions.map(({ at }) => at)).toEqual([givenUp[1]?.at]);
    expect(driven.decide({ do: 'rollback' })).toEqual({ kind: 'done', isChanged: true });
    driven.run(5);
    expect(viewOf(driven, 'CP-1').primary).toBe('old');
    expect(driven.state.head.phase).toBe('rolled-back');
    expect(driven.decide({ do: 'rollback' })).toEqual({ kind: 'done', isChanged: false });
  });

  test('a migration that waits for a person because of a wave that was rolled back says so', () => {
    const driven = driveMigration({ waves: [waveOf('a', []), waveOf('b', [])], soakMs: 1_000 }, [
      ['CP-1'],
      ['CP-2'],
    ]);
    driven.decide({ do: 'start' });
    driven.run(3);
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(3);
    driven.decide({ do: 'start_wave', wave: 1 });
    driven.run(60);
    expect(driven.state.head.waves.map(({ phase }) => phase)).toEqual(['rolled-back', 'passed']);
    expect(driven.state.head.reason).toContain('wave a was rolled back');
  });

  test('a migration that is completed leaves what has passed where it is, and the rest with its old backend', () => {
    const waves = ['a', 'b', 'c'].map((name) => waveOf(name, []));
    const driven = driveMigration({ waves, soakMs: 5_000, approve: true, also: also('K') }, [
      ['CP-1'],
      ['CP-2'],
      ['CP-3'],
    ]);
    driven.answerEffect = () => ({ kind: 'answered', value: '60' });
    driven.decide({ do: 'start' });
    driven.run(5);
    expect(driven.decide({ do: 'complete' })).toMatchObject({
      kind: 'refused',
      detail: expect.stringContaining('Wave a is soaking.'),
    });
    driven.run(10);
    driven.decide({ do: 'approve' });
    driven.run(4);
    driven.decide({ do: 'rollback_wave', wave: 1 });
    driven.run(4);
    // The third was made ready meanwhile.
    expect(driven.progress('CP-3').attached).toBe('yes');
    expect(driven.state.head.phase).toBe('paused');
    expect(driven.decide({ do: 'complete' })).toEqual({ kind: 'done', isChanged: true });
    expect(driven.decide({ do: 'complete' })).toEqual({ kind: 'done', isChanged: false });
    expect(driven.decide({ do: 'start_wave', wave: 1 })).toMatchObject({ reason: 'not_now' });
    driven.takeOrders();
    driven.run(5);
    expect(driven.takeOrders().toSorted()).toEqual(['detach CP-2', 'detach CP-3']);
    expect(driven.state.head).toMatchObject({
      phase: 'done',
      reason: 'completed by ops: why; waves b, c not moved',
    });
    expect(driven.state.head.waves.map(({ phase }) => phase)).toEqual(['passed', 'rolled-back', 'planned']);
    const at = ['CP-1', 'CP-2', 'CP-3'].map((id) => [driven.progress(id).phase, viewOf(driven, id).primary]);
    expect(at).toEqual([
      ['moved', 'new'],
      ['rolled-back', 'old'],
      ['planned', 'old'],
    ]);
    expect(reportOf(driven).decisions.map(({ what }) => what)).toContain('complete');
    // It can be undone as a whole, as any that is done.
    driven.decide({ do: 'rollback' });
    driven.run(10);
    expect(driven.state.head).toMatchObject({ phase: 'rolled-back', completedBy: null });
    expect(viewOf(driven, 'CP-1').primary).toBe('old');
  });

  test('a wave of which somebody else moved a station ahead of its turn can be rolled back', () => {
    const driven = driveMigration({ waves: [waveOf('a', []), waveOf('b', [])], approve: true }, [
      ['CP-1'],
      ['CP-2', 'CP-3'],
    ]);
    driven.decide({ do: 'start' });
    driven.run(8);
    expect(driven.decide({ do: 'rollback_wave', wave: 1 })).toMatchObject({ reason: 'not_now' });
    Object.assign(viewOf(driven, 'CP-2'), { primary: 'new', before: 'old' });
    driven.run(2);
    expect(driven.decide({ do: 'rollback_wave', wave: 1 })).toEqual({ kind: 'done', isChanged: true });
    driven.run(5);
    expect(driven.state.head.waves.map(({ phase }) => phase)).toEqual(['passed', 'rolled-back']);
    expect(viewOf(driven, 'CP-2').primary).toBe('old');
    expect(viewOf(driven, 'CP-1').primary).toBe('new');
  });

  test('a migration is completed though somebody else moved a station of a wave that is left out', () => {
    const driven = driveMigration(
      { waves: [waveOf('a', []), waveOf('b', [])], approve: true, also: also('K') },
      [['CP-1'], ['CP-2']],
    );
    driven.answerEffect = () => ({ kind: 'answered', value: '60' });
    driven.decide({ do: 'start' });
    driven.run(8);
    Object.assign(viewOf(driven, 'CP-2'), { primary: 'new', before: 'old' });
    driven.run(2);
    expect(driven.state.head.waves.map(({ phase }) => phase)).toEqual(['passed', 'attaching']);
    driven.takeOrders();
    driven.decide({ do: 'complete' });
    driven.run(5);
    expect(driven.state.head.phase).toBe('done');
    expect(driven.takeOrders()).toEqual([]);
    expect(driven.progress('CP-2')).toMatchObject({ phase: 'moved', reason: 'somebody else moved it' });
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(viewOf(driven, 'CP-2').primary).toBe('old');
  });

  test('a migration is completed though a station could not be brought back, and what it was sent is put back once it is', () => {
    const driven = driveMigration({ soakMs: 3_600_000, also: also('K') }, [['CP-1']]);
    let value = '300';
    driven.answerEffect = (step) => {
      if (step.do === 'write') value = step.value;
      return { kind: 'answered', value: step.do === 'read' ? value : null };
    };
    driven.decide({ do: 'start' });
    driven.run(6);
    expect(value).toBe('60');
    // What it is to be sent begins anew, and is not through when it is given up.
    Object.assign(driven.progress('CP-1').effects[0] ?? {}, { phase: 'reading' });
    driven.decide({ do: 'rollback_wave', wave: 0 });
    giveUpOnTheWayBack(driven);
    const again = structuredClone(driven.state);
    driven.takeOrders();
    driven.decide({ do: 'complete' });
    driven.run(5);
    expect(driven.state.head.phase).toBe('done');
    // Of one whose primary it is, the new backend keeps being told.
    expect(driven.takeOrders()).toEqual(['detach CP-1']);
    Object.assign(driven.state, again);
    Object.assign(viewOf(driven, 'CP-1'), { primary: 'old', before: null });
    driven.decide({ do: 'complete' });
    driven.run(10);
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'rolled-back', effects: [{ phase: 'undone' }] });
    expect(value).toBe('300');
    expect(driven.state.head.phase).toBe('done');
  });

  test('what a station was sent is put back also when its wave passes meanwhile', () => {
    const driven = driveMigration(
      {
        soakMs: 5_000,
        waves: [waveOf('a', []), waveOf('b', [])],
        approve: true,
        giveUpAfterMs: 600_000,
        also: also('K'),
      },
      [['CP-1'], ['CP-2']],
    );
    let value = '300';
    let isAway = false;
    driven.answerEffect = (step) => {
      if (isAway) return away;
      if (step.do === 'write') value = step.value;
      return { kind: 'answered', value: step.do === 'read' ? value : null };
    };
    driven.decide({ do: 'start' });
    driven.run(6);
    expect(driven.state.head.waves[0]?.phase).toBe('soaking');
    expect(value).toBe('60');
    viewOf(driven, 'CP-1').primary = 'old';
    isAway = true;
    driven.run(20);
    isAway = false;
    driven.run(20);
    expect(driven.state.head.waves[0]?.phase).toBe('passed');
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'rolled-back', effects: [{ phase: 'undone' }] });
    expect(value).toBe('300');
  });

  test('a pause in which another wave goes back is no patience lost', () => {
    const driven = driveMigration(
      { waves: [waveOf('a', []), waveOf('b', [])], giveUpAfterMs: 100_000, also: also('K') },
      [['CP-1'], ['CP-2']],
    );
    let value = '300';
    let isAway = false;
    driven.answerEffect = (step) => {
      if (isAway) return away;
      if (step.do === 'write') value = step.value;
      return { kind: 'answered', value: step.do === 'read' ? value : null };
    };
    viewOf(driven, 'CP-2').isConnected = false;
    driven.decide({ do: 'start' });
    driven.run(20);
    expect(driven.progress('CP-2')).toMatchObject({ phase: 'waiting', reason: 'it is not connected' });
    isAway = true;
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(95);
    isAway = false;
    driven.run(10);
    expect(driven.state.head.waves[0]?.phase).toBe('rolled-back');
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(3);
    expect(driven.progress('CP-2').phase).toBe('waiting');
  });

  test.each<[string, OrderOutcome]>([
    ['was refused', { kind: 'refused', reason: 'reservation', detail: 'One is open.', primary: 'old' }],
    ['was let go by a pause', { kind: 'let_go' }],
  ])('a station that was moved by hand after its cutover %s is said to be', (_, outcome) => {
    const driven = driveMigration({ soakMs: 600_000, giveUpAfterMs: 600_000 }, [['CP-1', 'CP-2']]);
    driven.decide({ do: 'start' });
    driven.run(1);
    driven.run(1, false);
    expect(driven.open.get('CP-1' as StationId)?.do).toBe('cut_over');
    driven.decide({ do: 'pause' });
    for (const id of ['CP-1', 'CP-2']) driven.settle(id, outcome);
    Object.assign(viewOf(driven, 'CP-1'), { primary: 'new', before: 'old' });
    driven.run(3);
    expect(driven.progress('CP-1')).toMatchObject({
      phase: 'moved',
      reason: 'somebody else moved it',
      isBootAccepted: null,
    });
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(viewOf(driven, 'CP-1').primary).toBe('old');
    expect(driven.progress('CP-2')).toMatchObject({ phase: 'rolled-back', reason: 'it had not moved' });
  });

  test('a station of whose cutover nobody knows goes back though another was let go since', () => {
    const driven = driveMigration({ soakMs: 600_000, giveUpAfterMs: 600_000 }, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(1);
    driven.run(1, false);
    driven.settle('CP-1', { kind: 'refused', reason: 'unknown_outcome', detail: 'Lost.', primary: null });
    for (let second = 0; second < 5 && driven.open.size === 0; second += 1) driven.run(1, false);
    driven.decide({ do: 'rollback' });
    driven.settle('CP-1', { kind: 'let_go' });
    Object.assign(viewOf(driven, 'CP-1'), { primary: 'new', before: 'old' });
    driven.run(5);
    expect(viewOf(driven, 'CP-1').primary).toBe('old');
  });

  test('a station that somebody put back and moved again goes back with the rest', () => {
    const driven = driveMigration({ soakMs: 600_000 }, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(4);
    const station = viewOf(driven, 'CP-1');
    Object.assign(station, { primary: 'old', before: null });
    driven.run(3);
    expect(driven.progress('CP-1').phase).toBe('rolled-back');
    Object.assign(station, { primary: 'new', before: 'old' });
    driven.run(3);
    expect(driven.progress('CP-1').phase).toBe('moved');
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(station.primary).toBe('old');
  });

  test('a station that is with a third backend by now is not said to be back nor sent what the old one had, and goes back once it can', () => {
    const driven = driveMigration({ also: also('HeartbeatInterval') }, [['CP-1', 'CP-2']]);
    let value = '300';
    driven.answerEffect = (step) => {
      if (step.do === 'write') value = step.value;
      return { kind: 'answered', value };
    };
    driven.decide({ do: 'start' });
    driven.run(60);
    expect(driven.state.head.phase).toBe('done');
    const station = viewOf(driven, 'CP-1');
    // As by another migration since.
    Object.assign(station, { primary: 'third', before: 'new' });
    viewOf(driven, 'CP-2').primary = 'third';
    driven.takeOrders();
    driven.decide({ do: 'rollback' });
    driven.run(30);
    expect(driven.takeOrders()).toEqual([]);
    expect(value).toBe('60');
    expect(driven.state.head.phase).toBe('rolled-back');
    expect(reportOf(driven)).toMatchObject({
      exceptions: [
        {
          station: 'CP-1',
          reason: 'it could not be brought back: its primary is third: somebody else moved it',
        },
        { station: 'CP-2' },
      ],
      waves: [{ stations: [{ wentBackAt: null }, { wentBackAt: null }] }],
    });
    // That one was rolled back too.
    Object.assign(station, { primary: 'new', before: null });
    driven.decide({ do: 'rollback' });
    driven.run(30);
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'rolled-back', effects: [{ phase: 'undone' }] });
    expect(driven.progress('CP-2').isStuck).toBe(true);
  });

  test('a station that moved and is with a third backend since is excused, and sent nothing more', () => {
    const driven = driveMigration({ also: also('A', 'B'), soakMs: 60_000 }, [['CP-1', 'CP-2']]);
    driven.answerEffect = () => away;
    driven.decide({ do: 'start' });
    driven.run(6);
    Object.assign(viewOf(driven, 'CP-1'), { primary: 'third', before: 'new' });
    driven.run(1);
    driven.answerEffect = () => ({ kind: 'answered', value: '60' });
    driven.takeOrders();
    driven.run(90);
    expect(driven.takeOrders().filter((order) => order.endsWith('CP-1'))).toEqual([]);
    expect(driven.progress('CP-1')).toMatchObject({
      phase: 'failed',
      reason: 'its primary is third: somebody else moved it',
      effects: [{ phase: 'skipped' }, { phase: 'skipped' }],
    });
    expect(driven.state.head.phase).toBe('done');
  });

  test('a station that was taken off the new backend by hand is excused with that reason', () => {
    const driven = driveMigration({ waves: [waveOf('a', [], { perMinute: 1 })], giveUpAfterMs: 10_000 }, [
      ['CP-1', 'CP-2'],
    ]);
    driven.decide({ do: 'start' });
    driven.run(4);
    expect(driven.progress('CP-2')).toMatchObject({ phase: 'synced', attached: 'yes' });
    Object.assign(viewOf(driven, 'CP-2'), { isAttached: false, isSynced: false, sync: null });
    driven.run(15);
    expect(driven.progress('CP-2')).toMatchObject({
      phase: 'failed',
      reason: expect.stringContaining('for too long: somebody else, or a route, took it off new'),
    });
  });

  test('a station that somebody else moved after its wave went back, or put back after its wave passed, is seen', () => {
    const driven = driveMigration(
      { waves: [waveOf('a', []), waveOf('b', [], { soakMs: 60_000 })], approve: true, also: also('K') },
      [['CP-1'], ['CP-2']],
    );
    driven.answerEffect = () => ({ kind: 'answered', value: '60' });
    driven.decide({ do: 'start' });
    driven.run(8);
    driven.decide({ do: 'approve' });
    driven.run(3);
    driven.decide({ do: 'rollback_wave', wave: 1 });
    driven.run(5);
    expect(driven.state.head.waves.map(({ phase }) => phase)).toEqual(['passed', 'rolled-back']);
    driven.takeOrders();
    Object.assign(viewOf(driven, 'CP-1'), { primary: 'old', before: null });
    Object.assign(viewOf(driven, 'CP-2'), { primary: 'new', before: 'old' });
    driven.run(3);
    expect(driven.progress('CP-1')).toMatchObject({
      phase: 'rolled-back',
      reason: 'somebody else put it back',
    });
    expect(driven.progress('CP-2')).toMatchObject({
      phase: 'moved',
      reason: 'somebody else moved it after its wave was rolled back',
    });
    expect(driven.takeOrders()).toEqual([]);
    driven.decide({ do: 'start_wave', wave: 1 });
    driven.run(5);
    expect(driven.takeOrders()).toEqual(['effect CP-2']);
    driven.decide({ do: 'rollback' });
    driven.run(5);
    expect(viewOf(driven, 'CP-2').primary).toBe('old');
  });

  test('a station that was given up on its way back and is at its old backend by now is seen', () => {
    const driven = driveMigration({ soakMs: 3_600_000 }, [['CP-1']]);
    driven.decide({ do: 'start' });
    driven.run(4);
    driven.decide({ do: 'rollback_wave', wave: 0 });
    giveUpOnTheWayBack(driven);
    Object.assign(viewOf(driven, 'CP-1'), { primary: 'old', before: null });
    driven.run(3);
    expect(driven.progress('CP-1')).toMatchObject({ phase: 'rolled-back', isStuck: false });
  });

  test('a station that is back and waits for the pace does not say that it is away', () => {
    const driven = driveMigration({ waves: [waveOf('a', [], { perMinute: 1 })] }, [['CP-1', 'CP-2', 'CP-3']]);
    viewOf(driven, 'CP-3').isConnected = false;
    driven.decide({ do: 'start' });
    driven.run(6);
    expect(driven.progress('CP-3').reason).toBe('it is not connected');
    viewOf(driven, 'CP-3').isConnected = true;
    driven.run(20);
    expect(driven.progress('CP-3').phase).not.toBe('moved');
    expect(driven.progress('CP-3').reason).not.toBe('it is not connected');
  });

  test('a station that is away is in the way of its wave for as long as the plan says, however many settings there are', () => {
    const driven = driveMigration(
      { soakMs: 600_000, giveUpAfterMs: 60_000, also: also('K', 'L', 'M', 'N') },
      [['CP-1']],
    );
    driven.answerEffect = () => away;
    driven.decide({ do: 'start' });
    driven.run(90);
    expect(driven.state.head.waves[0]?.phase).toBe('soaking');
  });

  test('a pause of a wave that goes on without one that was rolled back can be ended, with its gates', () => {
    const driven = driveMigration(
      { waves: [waveOf('a', []), waveOf('b', [], { perMinute: 1 })], soakMs: 600_000, gates: [drops] },
      [['CP-1'], ['CP-2', 'CP-3']],
    );
    driven.decide({ do: 'start' });
    driven.run(4);
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(4);
    driven.decide({ do: 'start_wave', wave: 1 });
    driven.run(5);
    driven.decide({ do: 'pause' });
    driven.run(5);
    expect(driven.decide({ do: 'resume' })).toEqual({ kind: 'done', isChanged: true });
    expect(driven.state.head.waves[1]).toMatchObject({ phase: 'moving', isWaived: false });
  });

  test('a gate that went red is told of itself, and not of another of the same measure', () => {
    const strict = { ...drops, measure: 'calls.errorRate', atMost: 0.1, whenNoData: 'pass' } as const;
    const driven = driveMigration(
      { gates: [strict, { ...strict, atMost: 0.9, rollback: true }], soakMs: 60_000 },
      [['CP-1']],
    );
    driven.decide({ do: 'start' });
    driven.run(5);
    driven.count(0, { answered: 10, errors: 5 });
    driven.run(3);
    const report = reportOf(driven);
    expect(report.waves[0]?.gates.map(({ state, timesRed }) => [state, timesRed])).toEqual([
      ['red', 1],
      ['green', 0],
    ]);
  });

  test('a station that never moved went back at no time', () => {
    const driven = driveMigration({ waves: [waveOf('a', []), waveOf('b', [])], soakMs: 60_000 }, [
      ['CP-1'],
      ['CP-2'],
    ]);
    driven.decide({ do: 'start' });
    driven.run(5);
    driven.decide({ do: 'rollback' });
    driven.run(5);
    const report = reportOf(driven);
    expect(report.waves[0]?.stations[0]?.wentBackAt).not.toBeNull();
    expect(report.waves[1]?.stations[0]).toMatchObject({ movedAt: null, wentBackAt: null });
  });
});
