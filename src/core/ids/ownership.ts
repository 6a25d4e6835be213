/**
 * Whose is what a command is about?
 *
 * Pure. A command names a transaction in its sender's words, or points at a connector, or at the whole station (H18, H32, H34).
 */
import { tokenAt } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { fieldsOf } from './field-table.ts';
import { integerOf, stringOf } from './id-token.ts';
import type { IdLedger, TransactionRow } from './ledger.ts';
import { objectById } from './objects.ts';
import { numberAt, transactionById, transactionNamed } from './transactions.ts';

/** `none`: no transaction that Busbar knows. */
export type Whose = 'own' | 'other' | 'none';

/** Whose transaction the backend's command is about. `bodyStart`: where its payload starts in the text. */
export function whoseTransaction(
  ledger: IdLedger,
  backend: string,
  version: OcppVersion,
  action: string,
  text: string,
  bodyStart: number,
): Whose {
  if (ledger.transactions.length === 0) return 'none';
  const token = transactionIn(version, action, text, bodyStart);
  if (token !== null) {
    const row = rowNamed(ledger, backend, version, token);
    return row === null ? 'none' : whose([row], backend);
  }
  const open = ledger.transactions.filter(({ state }) => state === 'open');
  if (action === 'Reset') return whose(open, backend);
  const place =
    version === 'ocpp1.6' ? numberAt(text, bodyStart, 'connectorId') : evseIn(action, text, bodyStart);
  // It points nowhere, and not at a transaction of which nobody knows yet where it is.
  if (place === null) return 'none';
  return whose(
    open.filter(({ connectorId }) => connectorId === place),
    backend,
  );
}

/** Whether the backend made the reservation that its command names, or set the profile of a transaction. */
export function ownsObject(
  ledger: IdLedger,
  backend: string,
  action: string,
  text: string,
  bodyStart: number,
): boolean {
  const isSchedule = action === 'UpdateDynamicSchedule';
  const token = tokenAt(text, bodyStart, [isSchedule ? 'chargingProfileId' : 'reservationId']);
  const id = token === null ? null : integerOf(token);
  if (id === null) return false;
  const row = objectById(ledger, backend, isSchedule ? 'profile' : 'reservation', id);
  return row !== null && (!isSchedule || row.isPassing === true);
}

function rowNamed(
  ledger: IdLedger,
  backend: string,
  version: OcppVersion,
  token: string,
): TransactionRow | null {
  const id = version === 'ocpp1.6' ? integerOf(token) : stringOf(token);
  if (id === null) return null;
  return version === 'ocpp1.6' ? transactionById(ledger, backend, id) : transactionNamed(ledger, id);
}

function whose(rows: readonly TransactionRow[], backend: string): Whose {
  if (rows.length === 0) return 'none';
  return rows.every(({ owner }) => owner === backend) ? 'own' : 'other';
}

/** Where this action names one, and nowhere else: a member that the station does not know says nothing of whose its command is. */
function transactionIn(version: OcppVersion, action: string, text: string, bodyStart: number): string | null {
  const named = fieldsOf(version)
    .backendCalls.get(action)
    ?.find(({ kind }) => kind === 'transaction');
  return named === undefined ? null : tokenAt(text, bodyStart, named.path);
}

/** A trigger names an EVSE as a member of its own, the others by its number. */
function evseIn(action: string, text: string, bodyStart: number): number | null {
  const token = tokenAt(text, bodyStart, action === 'TriggerMessage' ? ['evse', 'id'] : ['evseId']);
  const id = token === null ? null : integerOf(token);
  return id === null ? null : Number(id);
}
