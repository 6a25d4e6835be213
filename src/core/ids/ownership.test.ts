/** Whose transaction a command is about. */
import { expect, test } from 'vitest';
import { IdsBench } from '../../testkit/ids-bench.ts';
import { whoseTransaction } from './ownership.ts';

test.each([
  ['GetTransactionStatus', '{}', 'none'],
  ['GetTransactionStatus', '{"transactionId":"t"}', 'own'],
  ['UnlockConnector', '{"evseId":1,"connectorId":1}', 'none'],
  ['Reset', '{"type":"Immediate"}', 'own'],
])('%s %s while a transaction that names no EVSE yet is open: %s', (action, payload, whose) => {
  const bench = new IdsBench('ocpp2.0.1');
  bench.call('TransactionEvent', '{"eventType":"Started","seqNo":0,"transactionInfo":{"transactionId":"t"}}');
  const text = `[2,"m","${action}",${payload}]`;
  expect(whoseTransaction(bench.ledger, 'a', 'ocpp2.0.1', action, text, text.indexOf('{'))).toBe(whose);
});
