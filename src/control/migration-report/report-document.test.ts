import { expect, test } from 'vitest';
import { beginReport, finishReport, readEvidence } from '../../core/migration/report.ts';
import { driveMigration, type DrivenMigration } from '../../testkit/driven-migration.ts';
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
