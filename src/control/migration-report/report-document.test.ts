import { expect, test } from 'vitest';
import { beginReport, finishReport, readEvidence } from '../../core/migration/report.ts';
import { driveMigration, waveOf, type DrivenMigration } from '../../testkit/driven-migration.ts';
import { markdownOf } from './markdown.ts';
import { reportDocument } from './report-document.ts';

function reportOf({ evidence, state: { head, stations } }: DrivenMigration): string {
  const draft = beginReport();
  readEvidence(draft, evidence);
  const sources = { head, stations: [...stations.values()], sessionsOf: () => null, madeAt: 0 };
  return markdownOf(reportDocument(finishReport(draft, sources)));
}

test('says from when to when its figures count', () => {
  const driven = driveMigration({ soakMs: 5_000 }, [['CP-1']]);
  driven.decide({ do: 'start' });
  driven.run(4);
  expect(reportOf(driven)).toContain('Since the first move, 2027-01-15T08:00:02Z.\n');
  driven.run(10);
  const done = reportOf(driven);
  expect(done).toContain(
    'Since the first move, 2027-01-15T08:00:02Z, until the migration was over, 2027-01-15T08:00:08Z.\n',
  );
  expect(done).not.toContain('Nothing counted');
  driven.decide({ do: 'rollback' });
  driven.run(5);
  expect(reportOf(driven)).toContain(
    '- **Nothing counted:** 2027-01-15T08:00:08Z to 2027-01-15T08:00:14Z: it was over\n',
  );
});

test('tells stations that could not be brought back, or never moved, from those that were excused and went back', () => {
  const driven = driveMigration({ waves: [waveOf('a', []), waveOf('b', [])], soakMs: 60_000 }, [
    ['CP-1', 'CP-2', 'CP-3'],
    ['CP-4'],
  ]);
  driven.decide({ do: 'start' });
  driven.run(5);
  const third = driven.stations.get(driven.progress('CP-2').station);
  if (third !== undefined) third.primary = 'third';
  driven.decide({ do: 'rollback' });
  driven.run(10);
  expect(reportOf(driven)).toContain(
    'It was undone, but not for all. 0 of 4 stations are at new, 0 of them verified; 0 were excused, 2 went back, 1 had not moved when their wave was taken back, 1 COULD NOT BE BROUGHT BACK.',
  );
});
