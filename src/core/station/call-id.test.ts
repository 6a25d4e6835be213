/** Under which id a message leaves that its backend has refused, where it is held before or after that. */
import { describe, expect, test } from 'vitest';
import { eventOf, Outage, silence, type Heard } from '../../testkit/outage-bench.ts';

const forgotten = '4|"SecurityError","who is that",{}';

/** The backend has forgotten the station: it refuses the first event that it hears, and answers the next ones so. */
function forget(outage: Outage, next: (call: Heard) => string): void {
  let isKnown = false;
  outage.answer = (call) => {
    if (call.action !== 'TransactionEvent') return outage.usual(call);
    if (isKnown) return next(call);
    isKnown = true;
    return forgotten;
  };
}

function idsOf(outage: Outage): string[] {
  return outage.delivered.map(({ id }) => id);
}

describe('a message that a backend refused because it had forgotten the station', () => {
  test('leaves under its next id, and keeps that where the link goes before it is answered', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    forget(outage, () => silence);
    outage.say('TransactionEvent', eventOf('A', 0, 'Started'));
    const [first, second] = idsOf(outage);
    expect(second).not.toBe(first);
    outage.goDown();
    outage.answer = (call) => outage.usual(call);
    outage.comeBack();
    expect(idsOf(outage)).toEqual([second]);
  });

  test('and was held leaves under its next id too', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    outage.goDown();
    outage.say('TransactionEvent', eventOf('A', 0, 'Started'));
    forget(outage, (call) => outage.usual(call));
    outage.comeBack();
    outage.pass(1_000);
    const [first, second] = idsOf(outage);
    expect(outage.heard.map(({ action }) => action)).toContain('BootNotification');
    expect(idsOf(outage)).toHaveLength(2);
    expect(second).not.toBe(first);
    expect(outage.held).toEqual([]);
  });
});
