import { expect, test } from 'vitest';
import type { Violation } from './checkers.ts';
import { createLedger, noteOpened, noteText, type Ledger } from './ledger.ts';
import { checkStarters } from './start-checkers.ts';

const command = '[2,"c","RemoteStartTransaction",{"connectorId":1,"idTag":"START1"}]';
const accepted = '[3,"c",{"status":"Accepted"}]';
const start = '[2,"s","StartTransaction",{"connectorId":1,"idTag":"START1","meterStart":7}]';

function ledgerOf(texts: readonly (readonly ['sent' | 'received', string])[]): Ledger {
  const ledger = createLedger('CP-1', 'ocpp1.6');
  noteOpened(ledger, 0, 'ocpp1.6');
  for (const [at, [type, text]] of texts.entries()) noteText(ledger, type, at, text);
  return ledger;
}

/** `old` had it started; who was told of the transaction? */
function check(told: 'old' | 'new', answer = accepted): Violation[] {
  const asked = [
    ['sent', command],
    ['received', answer],
  ] as const;
  const heard = [['received', start]] as const;
  return checkStarters({
    stations: new Map([
      [
        'CP-1',
        ledgerOf([
          ['received', command],
          ['sent', answer],
          ['sent', start],
        ]),
      ],
    ]),
    backends: new Map([
      ['old', new Map([['CP-1', ledgerOf(told === 'old' ? [...asked, ...heard] : asked)]])],
      ['new', new Map([['CP-1', ledgerOf(told === 'new' ? heard : [])]])],
    ]),
  });
}

test('what one backend alone had started is told to that one', () => {
  expect(check('old')).toEqual([]);
  expect(check('new')).toMatchObject([{ rule: 'starts' }]);
  expect(check('new', '[3,"c",{"status":"Rejected"}]')).toEqual([]);
});
