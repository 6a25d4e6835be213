/**
 * Which table of identifier fields belongs to a version.
 *
 * Pure. One for 2.0.1 and 2.1, since 2.1 has all that 2.0.1 has.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { FieldTable } from './field.ts';
import { fieldsV16 } from './fields-v16.ts';
import { fieldsV2 } from './fields-v2.ts';

export function fieldsOf(version: OcppVersion): FieldTable {
  return version === 'ocpp1.6' ? fieldsV16 : fieldsV2;
}
