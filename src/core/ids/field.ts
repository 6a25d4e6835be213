/**
 * What a table of identifier fields says about one field.
 *
 * Pure. The tables are data (fields-v16.ts, fields-v2.ts); a test holds them against the official schemas.
 */
import type { JsonPath } from '../../protocol/splice.ts';
import type { ObjectKind } from './ledger.ts';

export type IdKind = 'transaction' | 'request' | 'remote_start' | 'list_version' | ObjectKind;

/**
 * Towards a backend: `subject`, the message is about it and is nothing for those who do not know it; `optional`, it is left out for them; `view`, it is one of many that
 * the station reports, shown in that backend's own numbers. Towards the station: `write`, the backend puts something there under this id; `refer`, it must
 * be the backend's to be touched; `view`, it asks about it.
 */
export type IdUse = 'subject' | 'optional' | 'view' | 'write' | 'refer';

export interface IdField {
  readonly path: JsonPath;
  /** The innermost key of the path. */
  readonly name: string;
  readonly kind: IdKind;
  readonly use: IdUse;
}

/** By direction and action. `station` calls and sends go to backends; their results come back. `backend` commands go to the station. */
export interface FieldTable {
  readonly stationCalls: ReadonlyMap<string, readonly IdField[]>;
  readonly backendResults: ReadonlyMap<string, readonly IdField[]>;
  readonly backendCalls: ReadonlyMap<string, readonly IdField[]>;
  readonly stationResults: ReadonlyMap<string, readonly IdField[]>;
}

/** One field, its path written with dots. */
export function field(path: string, kind: IdKind, use: IdUse): IdField {
  const keys = path.split('.');
  return { path: keys, name: keys.findLast((key) => key !== '*') ?? '', kind, use };
}

/** By action. */
export function table(
  lines: Readonly<Record<string, readonly IdField[]>>,
): ReadonlyMap<string, readonly IdField[]> {
  return new Map(Object.entries(lines));
}
