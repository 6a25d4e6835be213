import { describe, expect, test } from 'vitest';
import type { Evidence } from './checkers.ts';
import { createLedger, noteOpened, noteText, type Ledger } from './ledger.ts';
import { checkAskers, checkParts } from './report-checkers.ts';

const part = (id: string, seqNo: number, asker = 'old 1'): string =>
  `[2,"${id}","NotifyCustomerInformation",{"requestId":1,"seqNo":${seqNo},"data":"${asker}"}]`;

function ledgerOf(type: 'sent' | 'received', texts: readonly string[]): Ledger {
  const ledger = createLedger('CP-1', 'ocpp2.0.1');
  noteOpened(ledger, 0, 'ocpp2.0.1');
  for (const [at, text] of texts.entries()) {
    const isAnswer = text.startsWith('[3');
    noteText(ledger, isAnswer === (type === 'received') ? 'sent' : 'received', at, text);
  }
  return ledger;
}

function evidence(heard: readonly string[], said: readonly string[] = []): Evidence {
  return {
    stations: new Map([['CP-1', ledgerOf('sent', said)]]),
    backends: new Map([['old', new Map([['CP-1', ledgerOf('received', heard)]])]]),
  };
}

const none = new Set<string>();

describe('reports', () => {
  test('go to who asked', () => {
    expect(checkAskers(evidence([part('a', 0)]))).toEqual([]);
    expect(checkAskers(evidence([part('a', 0, 'new 1')]))).toMatchObject([{ rule: 'reports' }]);
    expect(checkAskers(evidence([part('a', 0, 'old 2')]))).toMatchObject([{ rule: 'reports' }]);
  });

  test('come part after part', () => {
    expect(checkParts(evidence([part('a', 0), part('b', 1), part('c', 1)]), none)).toEqual([]);
    const turned = evidence([part('a', 1), part('b', 0)]);
    expect(checkParts(turned, none)).toMatchObject([{ rule: 'reports' }]);
    const again = evidence([part('a', 0), part('b', 1), part('a', 0)]);
    expect(checkParts(again, none)).toEqual([]);
  });

  test('are not lost once they are taken', () => {
    const taken = [part('a', 0), '[3,"a",{}]'];
    expect(checkParts(evidence([part('x', 0)], taken), none)).toEqual([]);
    expect(checkParts(evidence([], taken), none)).toMatchObject([{ rule: 'reports' }]);
    expect(checkParts(evidence([], [part('a', 0)]), none)).toEqual([]);
  });
});
