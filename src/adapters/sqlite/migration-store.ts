/**
 * Migrations in the journal's file: the main thread's end.
 */
import type { MigrationStore } from '../../ports/migrations.ts';
import type { Log } from '../../ports/log.ts';
import type { StationProgress } from '../../core/migration/state.ts';
import { ok, type Result } from '../../std/result.ts';
import { besidePlaceOf, createBesideAsker, type BesideFault } from './beside-asker.ts';
import type {
  MigrationAnswer,
  MigrationRequest,
  MigrationThreadData,
  UnreadableMigrationRow,
} from './migration-messages.ts';

/** Stations read at once: what is kept of years takes longer than a disk may for one answer, and links are open by then. */
const pageStations = 2_000;

type StationsPage = Result<Extract<MigrationAnswer, { readonly type: 'stations' }>, BesideFault>;

export interface SqliteMigrationsOptions {
  /** Of a journal that was opened before. */
  readonly file: string;
  /** Told of rows that cannot be trusted. */
  readonly log: Log;
}

export function createSqliteMigrationStore({ file, log }: SqliteMigrationsOptions): MigrationStore {
  const data: MigrationThreadData = besidePlaceOf(file);
  const entry = new URL('./migration-thread.ts', import.meta.url);
  const thread = createBesideAsker<MigrationRequest, MigrationAnswer>(entry, data, 'the store of migrations');
  const tell = (rows: readonly UnreadableMigrationRow[]): void => {
    for (const row of rows) log.error('journal_corrupt', { file, ...row });
  };
  return {
    async load() {
      const stations = new Map<string, StationProgress[]>();
      const spoilt = new Set<string>();
      let after: number | null = 0;
      while (after !== null) {
        const page: StationsPage = await thread.ask<'stations'>({
          type: 'stations',
          after,
          limit: pageStations,
        });
        if (!page.ok) return page;
        tell(page.value.unreadable);
        for (const { migration } of page.value.unreadable) spoilt.add(migration);
        for (const { migration, progress } of page.value.stations) {
          const read = JSON.parse(progress) as StationProgress;
          const known = stations.get(migration);
          if (known === undefined) stations.set(migration, [read]);
          else known.push(read);
        }
        after = page.value.next;
      }
      const answer = await thread.ask<'heads'>({ type: 'heads' });
      if (!answer.ok) return answer;
      tell(answer.value.unreadable);
      const whole = answer.value.heads.filter(({ id }) => !spoilt.has(id));
      return ok(whole.map((head) => ({ head, stations: stations.get(head.id) ?? [] })));
    },
    async save(save) {
      const answer = await thread.ask<'save'>({ type: 'save', save });
      return answer.ok ? null : answer.fault;
    },
    async evidence(id, after, limit) {
      const answer = await thread.ask<'evidence'>({ type: 'evidence', id, after, limit });
      if (!answer.ok) return answer;
      tell(answer.value.unreadable);
      return ok(answer.value.entries);
    },
    close: () => thread.close(),
  };
}
