import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { noSideEffects, type MigrationPlan } from '../../src/core/migration/plan.ts';
import type { FrameRecord } from '../../src/core/journal/record.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import type { FleetStationState } from '../../src/testkit/simulated-fleet.ts';
import { until } from '../../src/testkit/until.ts';
import { openMigrationWorld, ops, planOf, type MigrationWorld } from './migration-world.ts';

const worlds: MigrationWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

async function open(...args: Parameters<typeof openMigrationWorld>): Promise<MigrationWorld> {
  const world = await openMigrationWorld(...args);
  worlds.push(world);
  return world;
}

const stationOf = ({ fleet }: MigrationWorld, id: string): FleetStationState =>
  fleet.stations.get(id as StationId) as FleetStationState;

const primaries = ({ fleet }: MigrationWorld): string[] => [
  ...new Set([...fleet.stations.values()].map(({ primary }) => primary)),
];

const canaryAndRest: MigrationPlan['waves'] = [
  {
    name: 'canary',
    take: { by: 'stations', patterns: ['CP-1'] },
    limit: null,
    atMs: null,
    perMinute: null,
    soakMs: null,
  },
  {
    name: 'rest',
    take: { by: 'stations', patterns: ['CP-*'] },
    limit: null,
    atMs: null,
    perMinute: null,
    soakMs: null,
  },
];

/** An answer of a backend to a call of a station. */
function answerOf(station: string, backend: string, kind: 'result' | 'error'): FrameRecord {
  const text = kind === 'result' ? '[3,"1",{"status":"Accepted"}]' : '[4,"1","InternalError","",{}]';
  return {
    type: 'frame',
    at: Date.now(),
    station: station as StationId,
    link: `backend:${backend}`,
    kind,
    action: 'StatusNotification',
    text,
    idStart: 3,
    idEnd: 6,
    outcome: 'relayed',
    relayedTo: 'station',
    relayedIdToken: '"2"',
    latencyMs: 20,
  };
}

const place = (id: number, chargingProfilePurpose: string, connectorId: number): string => {
  const csChargingProfiles = { chargingProfileId: id, stackLevel: 0, chargingProfilePurpose };
  return JSON.stringify({ connectorId, csChargingProfiles });
};

describe('a migrator', () => {
  test('moves a fleet wave by wave to the end, and says so', async () => {
    const world = await open(10);
    const created = await world.create({ waves: canaryAndRest });
    expect(created.phase).toBe('ready');
    expect(created.waves.map(({ name, stations }) => [name, stations])).toEqual([
      ['canary', 1],
      ['rest', 9],
    ]);
    await world.decide({ do: 'start' });
    const { waves } = await world.reach(({ phase }) => phase === 'done');
    expect(waves.map(({ tally }) => tally.moved)).toEqual([1, 9]);
    expect(primaries(world)).toEqual(['new']);
    const evidence = await world.migrator.evidence('leave-old', 0, 1_000);
    const lines = evidence.ok ? evidence.value : [];
    expect(lines.map(({ number }) => number)).toEqual(lines.map((_, at) => at + 1));
    expect(lines.filter(({ what, after }) => what === 'station' && after === 'moved')).toHaveLength(10);
    expect(lines.find(({ what }) => what === 'decision')).toMatchObject({ who: 'ops', reason: 'a test' });
  });

  test('verifies a station once its new backend has answered it', async () => {
    const world = await open(2);
    await world.create({ soakMs: 60_000 });
    await world.decide({ do: 'start' });
    await world.reach(({ waves }) => waves[0]?.tally.moved === 2);
    world.fleet.publish(answerOf('CP-1', 'new', 'result'));
    world.fleet.publish(answerOf('CP-2', 'old', 'result'));
    const { waves } = await world.reach(({ waves: [wave] }) => wave?.tally.verified === 1);
    expect(waves[0]?.after.answered).toBe(1);
  });

  test('a red gate undoes its wave, and pauses', async () => {
    const world = await open(6);
    await world.create({
      waves: canaryAndRest,
      soakMs: 60_000,
      gates: [
        {
          measure: 'calls.errorRate',
          atLeast: null,
          atMost: 0.1,
          worseThanBefore: null,
          forMs: 0,
          rollback: true,
          whenNoData: 'hold',
        },
      ],
    });
    await world.decide({ do: 'start' });
    await world.reach(({ waves }) => waves[0]?.phase === 'soaking');
    world.fleet.publish(answerOf('CP-1', 'new', 'error'));
    const { phase, reason, waves } = await world.reach(({ waves: [wave] }) => wave?.phase === 'rolled-back');
    expect(phase).toBe('paused');
    expect(reason).toBe('calls.errorRate of wave canary is red: 100 % is more than 10 %');
    expect(waves[0]?.gates[0]).toMatchObject({ state: 'red', value: 1 });
    expect(primaries(world)).toEqual(['old']);
  });

  test('a wave that measured nothing does not pass, and says why', async () => {
    const world = await open(2);
    await world.create({
      gates: [
        {
          measure: 'calls.errorRate',
          atLeast: null,
          atMost: 0.1,
          worseThanBefore: null,
          forMs: 0,
          rollback: false,
          whenNoData: 'hold',
        },
      ],
    });
    await world.decide({ do: 'start' });
    const { waves } = await world.reach(({ waves: [wave] }) => wave?.reason?.includes('no data') === true);
    expect(waves[0]).toMatchObject({ phase: 'soaking' });
    world.fleet.publish(answerOf('CP-1', 'new', 'result'));
    await world.reach(({ phase }) => phase === 'done');
  });

  test('waits for what is in the way with its reason, and excuses it in the end', async () => {
    const world = await open(3);
    stationOf(world, 'CP-2').refusal = 'firmware_update';
    stationOf(world, 'CP-3').isConnected = false;
    await world.create({ giveUpAfterMs: 600 });
    await world.decide({ do: 'start' });
    await world.reach(({ waves }) => waves[0]?.tally.waiting === 1);
    const [waiting] = world.migrator.stations('leave-old', { phase: 'waiting', limit: 10 }) ?? [];
    expect(waiting).toMatchObject({ station: 'CP-2', reason: 'Refused: firmware_update.' });
    await world.reach(({ phase }) => phase === 'done');
    const failed = world.migrator.stations('leave-old', { phase: 'failed', limit: 10 }) ?? [];
    expect(failed.map(({ station, reason }) => [station, reason])).toEqual([
      ['CP-2', 'excused, since it was in the way for too long: Refused: firmware_update.'],
      ['CP-3', 'excused, since it was in the way for too long: it is not connected'],
    ]);
    // They stay, and the new backend is not told of them any more.
    expect([...stationOf(world, 'CP-2').ready]).toEqual([]);
  });

  test('sends a station what the plan lists, and puts it back at a rollback', async () => {
    const world = await open(1);
    const { settings, sent } = stationOf(world, 'CP-1');
    await world.create({
      soakMs: 60_000,
      also: {
        clearCache: true,
        configuration: [
          { component: null, key: 'MeterValueSampleInterval', value: '10' },
          { component: 'SampledDataCtrlr', key: 'TxUpdatedInterval', value: '10' },
          { component: null, key: 'Unheard', value: '10' },
        ],
        asked: 'ignore',
        localList: 'keep',
        profiles: 'keep',
        displayMessages: 'keep',
        tariffs: 'keep',
      },
    });
    await world.decide({ do: 'start' });
    await world.reach(({ waves }) => waves[0]?.phase === 'soaking');
    expect(settings.get('MeterValueSampleInterval')).toBe('10');
    const effects = world.migrator
      .stations('leave-old', { limit: 1 })?.[0]
      ?.effects.map(({ phase }) => phase);
    expect(effects).toEqual(['done', 'skipped', 'failed', 'done']);
    expect(sent).toEqual([
      'GetConfiguration',
      'ChangeConfiguration',
      'GetConfiguration',
      'GetConfiguration',
      'ClearCache',
    ]);
    await world.decide({ do: 'rollback' });
    await world.reach(({ phase }) => phase === 'rolled-back');
    expect([...settings]).toEqual([['MeterValueSampleInterval', '60']]);
    expect(sent.slice(5)).toEqual(['ChangeConfiguration', 'GetConfiguration']);
  });

  test('clears the local list of a station that has one, with a version that counts', async () => {
    const world = await open(2);
    stationOf(world, 'CP-1').listVersion = 7;
    const also = { ...noSideEffects, localList: 'clear' } as const;
    await world.create({ soakMs: 60_000, also });
    await world.decide({ do: 'start' });
    await world.reach(({ waves }) => waves[0]?.phase === 'soaking');
    expect(stationOf(world, 'CP-1')).toMatchObject({
      listVersion: 8,
      sent: ['GetLocalListVersion', 'SendLocalList', 'GetLocalListVersion'],
    });
    expect(stationOf(world, 'CP-2').sent).toEqual(['GetLocalListVersion']);
    await world.decide({ do: 'rollback' });
    await world.reach(({ phase }) => phase === 'rolled-back');
    // Whoever asks for it is told that there is none, and sends its own.
    expect(stationOf(world, 'CP-1').sent).toHaveLength(3);
  });

  test('sets what the new backend asked a station for, and clears the profiles that the old one placed', async () => {
    const world = await open(2);
    const { settings, profiles, sent } = stationOf(world, 'CP-1');
    stationOf(world, 'CP-1').asked = [{ component: null, key: 'MeterValueSampleInterval', value: '10' }];
    profiles.place('SetChargingProfile', place(1, 'TxDefaultProfile', 1));
    profiles.tell('old', 'SetChargingProfile', place(2, 'TxDefaultProfile', 2));
    profiles.tell('old', 'SetChargingProfile', place(3, 'ChargePointMaxProfile', 0));
    await world.create({ soakMs: 60_000, also: { ...noSideEffects, asked: 'apply', profiles: 'clear' } });
    await world.decide({ do: 'start' });
    await world.reach(({ waves }) => waves[0]?.phase === 'soaking');
    expect(settings.get('MeterValueSampleInterval')).toBe('10');
    expect([...profiles.there.keys()]).toEqual(['1', '3']);
    expect(sent).toEqual([
      'GetConfiguration',
      'ChangeConfiguration',
      'GetConfiguration',
      'ClearChargingProfile',
    ]);
    await world.restart();
    await world.decide({ do: 'rollback' });
    await world.reach(({ phase }) => phase === 'rolled-back');
    expect([...settings]).toEqual([['MeterValueSampleInterval', '60']]);
    expect([...profiles.there.keys()]).toEqual(['1', '3', '2']);
    expect(profiles.there.get('2')?.text).toBe(place(2, 'TxDefaultProfile', 2));
    expect(stationOf(world, 'CP-2').sent).toEqual([]);
  });

  test('rolls back while the new backend is down and stations are away', async () => {
    const world = await open(20);
    await world.create({ soakMs: 60_000 });
    await world.decide({ do: 'start' });
    await world.reach(({ waves }) => waves[0]?.tally.moved === 20);
    world.fleet.down.add('new');
    for (const station of world.fleet.stations.values()) station.isConnected = false;
    await world.decide({ do: 'pause' });
    await world.decide({ do: 'rollback' });
    await world.reach(({ phase }) => phase === 'rolled-back');
    expect(primaries(world)).toEqual(['old']);
  });

  test('goes on after a restart at any moment', async () => {
    const world = await open(400, { decisionMs: 15 });
    await world.create({ waves: canaryAndRest, openTransactions: 'wait' });
    await world.decide({ do: 'start' });
    for (let restarts = 0; restarts < 8; restarts += 1) {
      await world.restart();
      await sleep(60);
    }
    await world.reach(({ phase }) => phase === 'done');
    expect(primaries(world)).toEqual(['new']);
  }, 30_000);

  test('orders nothing while the disk fails, and goes on when it is well', async () => {
    const world = await open(5);
    await world.create({});
    world.fault = { fault: 'disk_full', detail: 'no space' };
    const decided = await world.migrator.decide('leave-old', { do: 'start' }, ops);
    expect(decided).toMatchObject({ ok: false, fault: { fault: 'storage' } });
    await sleep(200);
    expect([...world.fleet.stations.values()].some(({ ready }) => ready.size > 0)).toBe(false);
    world.fault = null;
    await world.reach(({ phase }) => phase === 'done');
  });

  test('lets go of what waits for its turn when it is paused', async () => {
    const world = await open(400, { decisionMs: 100 });
    for (const { ready } of world.fleet.stations.values()) ready.add('new');
    const moved = (): number =>
      [...world.fleet.stations.values()].filter(({ primary }) => primary === 'new').length;
    await world.create({ soakMs: 60_000 });
    await world.decide({ do: 'start' });
    await until('some have moved', () => moved() > 0);
    await world.decide({ do: 'pause' });
    // What is under way by now is not called back.
    await sleep(150);
    const after = moved();
    expect(after).toBeLessThanOrEqual(200);
    await sleep(500);
    expect(moved()).toBe(after);
    await world.decide({ do: 'resume' });
    await world.reach(({ waves }) => waves[0]?.tally.moved === 400);
  });

  test('stops a migration that a bug has broken, and no other', async () => {
    const world = await open(4);
    await world.create({ waves: canaryAndRest.slice(0, 1) });
    const other = planOf({
      name: 'other',
      waves: [{ ...canaryAndRest[0], take: { by: 'stations', patterns: ['CP-2'] } } as never],
    });
    expect(await world.migrator.create(other, ops)).toMatchObject({ ok: true, value: { phase: 'ready' } });
    const registry = world.fleet.registry as { station: typeof world.fleet.registry.station };
    const { station } = registry;
    registry.station = (id) => {
      if (id === 'CP-1') throw new Error('a bug');
      return station(id);
    };
    await world.decide({ do: 'start' });
    await sleep(200);
    const stopped = await world.migrator.decide('leave-old', { do: 'pause' }, ops);
    expect(stopped).toMatchObject({
      ok: false,
      fault: { fault: 'stopped', detail: expect.stringContaining('a bug') as string },
    });
    await world.migrator.decide('other', { do: 'start' }, ops);
    await until('the other is done', () => world.migrator.find('other')?.phase === 'done');
    registry.station = station;
    await world.restart();
    await world.reach(({ phase }) => phase === 'done');
  });

  test('lets no two migrations have a station', async () => {
    const world = await open(3);
    await world.create({});
    const again = await world.migrator.create(planOf({}), ops);
    expect(again).toMatchObject({ ok: false, fault: { fault: 'name_taken' } });
    const other = await world.migrator.create(planOf({ name: 'other' }), ops);
    expect(other).toMatchObject({ ok: true, value: { phase: 'draft' } });
    expect(world.migrator.claimOf('CP-1' as StationId)).toMatchObject({ migration: 'leave-old' });
    await world.decide({ do: 'abandon' });
    expect(world.migrator.claimOf('CP-1' as StationId)).toBeNull();
    expect(await world.migrator.replan('other', ops)).toMatchObject({ ok: true, value: { phase: 'ready' } });
  });

  test('finds migrations and waves by name and by number', async () => {
    const world = await open(3);
    const { id } = await world.create({ waves: canaryAndRest });
    expect(world.migrator.find(id)?.plan.name).toBe('leave-old');
    expect(world.migrator.find('nobody')).toBeNull();
    expect(world.migrator.waveOf('leave-old', 'rest')).toBe(1);
    expect(world.migrator.waveOf(id, '1')).toBe(0);
    expect(world.migrator.waveOf(id, '3')).toBeNull();
    const page = world.migrator.stations(id, { wave: 1, limit: 1 }) ?? [];
    expect(page.map(({ station }) => station)).toEqual(['CP-2']);
    const next = world.migrator.stations(id, { wave: 1, after: 'CP-2' as StationId, limit: 5 }) ?? [];
    expect(next.map(({ station }) => station)).toEqual(['CP-3']);
    expect(await world.migrator.preview(planOf({ to: 'nobody' }))).toMatchObject({
      problems: [
        { where: 'name', why: 'a migration called leave-old is not over', isBlocking: true },
        { where: 'to', isBlocking: true },
        { why: expect.stringContaining('leave-old') },
        {},
      ],
    });
  });
});
