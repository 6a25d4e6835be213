/**
 * What the migrations' thread and the main one say to each other.
 */
import type { Evidence } from '../../core/migration/state.ts';
import type { MigrationSave, StoredMigration } from '../../ports/migrations.ts';
import type { BesidePlace } from './beside-asker.ts';

export type MigrationThreadData = BesidePlace;

export type MigrationRequest =
  | { readonly type: 'load' }
  | { readonly type: 'save'; readonly save: MigrationSave }
  | { readonly type: 'evidence'; readonly id: string; readonly after: number; readonly limit: number };

/** A row whose checksum does not hold, so that what is told of it may be wrong too. */
export type UnreadableMigrationRow =
  | { readonly row: 'migration'; readonly migration: string }
  | { readonly row: 'migration_station'; readonly migration: string; readonly station: string }
  | { readonly row: 'migration_evidence'; readonly migration: string; readonly number: number };

export type MigrationAnswer =
  | {
      readonly type: 'load';
      readonly migrations: readonly StoredMigration[];
      readonly unreadable: readonly UnreadableMigrationRow[];
    }
  | { readonly type: 'save' }
  | {
      readonly type: 'evidence';
      readonly entries: readonly Evidence[];
      readonly unreadable: readonly UnreadableMigrationRow[];
    };
