/**
 * What the migrations' thread and the main one say to each other.
 */
import type { Evidence, MigrationHead } from '../../core/migration/state.ts';
import type { MigrationSave } from '../../ports/migrations.ts';
import type { BesidePlace } from './beside-asker.ts';

export type MigrationThreadData = BesidePlace;

export type MigrationRequest =
  | { readonly type: 'heads' }
  /** Of all migrations, in the order in which they were saved first; `after`: where the last page ended, 0 for the first one. */
  | { readonly type: 'stations'; readonly after: number; readonly limit: number }
  | { readonly type: 'save'; readonly save: MigrationSave }
  | { readonly type: 'evidence'; readonly id: string; readonly after: number; readonly limit: number };

/** A row whose checksum does not hold, so that what is told of it may be wrong too. */
export type UnreadableMigrationRow =
  | { readonly row: 'migration'; readonly migration: string }
  | { readonly row: 'migration_station'; readonly migration: string; readonly station: string }
  | { readonly row: 'migration_evidence'; readonly migration: string; readonly number: number };

export type MigrationAnswer =
  | {
      readonly type: 'heads';
      readonly heads: readonly MigrationHead[];
      readonly unreadable: readonly UnreadableMigrationRow[];
    }
  | {
      readonly type: 'stations';
      /** `progress`: JSON of a `StationProgress`. */
      readonly stations: readonly { readonly migration: string; readonly progress: string }[];
      readonly unreadable: readonly UnreadableMigrationRow[];
      /** Where the next page begins; null: there is none. */
      readonly next: number | null;
    }
  | { readonly type: 'save' }
  | {
      readonly type: 'evidence';
      readonly entries: readonly Evidence[];
      readonly unreadable: readonly UnreadableMigrationRow[];
    };
