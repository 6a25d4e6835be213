import { expect, test } from 'vitest';
import { driveMigration, waveOf } from '../../testkit/driven-migration.ts';
import { noSessions } from './counts.ts';
import { restoreMigration } from './create.ts';
import { noSideEffects } from './plan.ts';
import type { MigrationHead } from './state.ts';

test('a migration that was saved before sessions were counted goes on, and counts them from then on', () => {
  const driven = driveMigration({ waves: [waveOf('all', [])] }, [['CP-1']]);
  driven.decide({ do: 'start' });
  driven.run(5);
  const { head, stations } = driven.state;
  const { asked: _asked, ...also } = head.plan.also;
  const waves = head.waves.map(({ sessions: _sessions, ...wave }) => wave);
  const saved = JSON.parse(JSON.stringify({ ...head, plan: { ...head.plan, also }, waves })) as MigrationHead;
  const restored = restoreMigration(saved, [...stations.values()]);
  expect(restored.head.waves.map(({ sessions }) => sessions)).toEqual([noSessions()]);
  expect(restored.head.plan.also).toEqual(noSideEffects);
  expect(restored.stations.get('CP-1' as never)?.phase).toBe('moved');
});
