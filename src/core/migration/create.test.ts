import { expect, test } from 'vitest';
import { driveMigration, waveOf } from '../../testkit/driven-migration.ts';
import { noSessions } from './counts.ts';
import { restoreMigration } from './create.ts';
import { noSideEffects } from './plan.ts';
import type { MigrationHead, StationProgress } from './state.ts';

test('a migration that was saved before sessions were counted goes on, and counts them from then on', () => {
  const driven = driveMigration({ waves: [waveOf('all', [])] }, [['CP-1']]);
  driven.decide({ do: 'start' });
  driven.run(5);
  const { head, stations } = driven.state;
  const { asked: _asked, tariffs: _tariffs, ...also } = head.plan.also;
  const waves = head.waves.map(({ sessions: _sessions, ...wave }) => wave);
  const saved = JSON.parse(JSON.stringify({ ...head, plan: { ...head.plan, also }, waves })) as MigrationHead;
  const restored = restoreMigration(saved, [...stations.values()]);
  expect(restored.head.waves.map(({ sessions }) => sessions)).toEqual([noSessions()]);
  expect(restored.head.plan.also).toEqual(noSideEffects);
  expect(restored.stations.get('CP-1' as never)?.phase).toBe('moved');
});

test('a profile that an older Busbar has cleared at a station is still to be put back', () => {
  const driven = driveMigration({ waves: [waveOf('all', [])] }, [['CP-1']]);
  driven.decide({ do: 'start' });
  driven.run(5);
  const { head, stations } = driven.state;
  const named = { id: '7', purpose: 'TxDefaultProfile', connector: 1 };
  const effect = { what: { profile: named }, phase: 'done', reason: null, before: null, isWritten: true };
  const [progress] = stations.values();
  const older = [{ ...progress, effects: [{ ...effect, what: 'profiles' }, effect] }];
  const saved = JSON.parse(JSON.stringify(older)) as StationProgress[];
  const restored = restoreMigration(head, saved).stations.get('CP-1' as never);
  expect(restored?.effects.map(({ what }) => what)).toEqual([
    'profiles',
    { placed: { kind: 'profile', id: '7', label: 'TxDefaultProfile', connector: 1 } },
  ]);
});
