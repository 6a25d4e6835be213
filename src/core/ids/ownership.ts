/**
 * Whose is what a command is about?
 *
 * Pure. A command names a transaction in its sender's words, or points at a connector, or at the whole station (H18, H32, H34).
 */
import { spanOf } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { IdLedger, TransactionRow } from './ledger.ts';
import { integerText, transactionCalled, type Body } from './transactions.ts';
import { objectOf } from './translate.ts';

/** `none`: no transaction that Busbar knows. */
export type Whose = 'own' | 'other' | 'none';

/** Whose transaction the backend's command is about. */
export function whoseTransaction(
  ledger: IdLedger,
  backend: string,
  version: OcppVersion,
  action: string,
  body: Body,
): Whose {
  if (ledger.transactions.length === 0) return 'none';
  const token = transactionIn(body);
  if (token !== null) {
    const row =
      version === 'ocpp1.6' ? calledInV16(ledger, backend, token) : transactionCalled(ledger, backend, token);
    return row === null ? 'none' : whose([row], backend);
  }
  const open = ledger.transactions.filter(({ isOpen }) => isOpen);
  if (action === 'Reset') return whose(open, backend);
  const connector =
    numberIn(body, ['connectorId']) ?? numberIn(body, ['evseId']) ?? numberIn(body, ['evse', 'id']);
  const place =
    version === 'ocpp1.6' ? connector : (numberIn(body, ['evseId']) ?? numberIn(body, ['evse', 'id']));
  return whose(
    open.filter((row) => row.connector === place),
    backend,
  );
}

/** Whether the backend made the reservation that its command names. */
export function ownsReservation(ledger: IdLedger, backend: string, body: Body): boolean {
  const span = spanOf(body.text, body.start, body.end, ['reservationId']);
  return (
    span !== null && objectOf(ledger, 'reservation', backend, body.text.slice(span.start, span.end)) !== null
  );
}

function whose(rows: readonly TransactionRow[], backend: string): Whose {
  if (rows.length === 0) return 'none';
  return rows.every(({ owner }) => owner === backend) ? 'own' : 'other';
}

function calledInV16(ledger: IdLedger, backend: string, token: string): TransactionRow | null {
  return transactionCalled(ledger, backend, integerText(token)) ?? transactionCalled(ledger, backend, token);
}

function transactionIn({ text, start, end }: Body): string | null {
  for (const path of [
    ['transactionId'],
    ['csChargingProfiles', 'transactionId'],
    ['chargingProfile', 'transactionId'],
  ]) {
    const span = spanOf(text, start, end, path);
    if (span !== null) return text.slice(span.start, span.end);
  }
  return null;
}

function numberIn({ text, start, end }: Body, path: readonly string[]): number | null {
  const span = spanOf(text, start, end, path);
  const value: unknown = span === null ? null : JSON.parse(text.slice(span.start, span.end));
  return typeof value === 'number' ? value : null;
}
