/**
 * Migrations in the journal's file: the main thread's end.
 */
import type { MigrationStore } from '../../ports/migrations.ts';
import type { Log } from '../../ports/log.ts';
import { ok } from '../../std/result.ts';
import { besidePlaceOf, createBesideAsker } from './beside-asker.ts';
import type {
  MigrationAnswer,
  MigrationRequest,
  MigrationThreadData,
  UnreadableMigrationRow,
} from './migration-messages.ts';

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
      const answer = await thread.ask<'load'>({ type: 'load' });
      if (!answer.ok) return answer;
      tell(answer.value.unreadable);
      return ok(answer.value.migrations);
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
