import { expect, test } from 'vitest';
import { Outage } from '../../testkit/outage-bench.ts';

test('of a code that a backend makes up, no more is kept with each refused message than a code can have', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.start(1);
  const code = 'x'.repeat(100_000);
  outage.answer = (call) => (call.action === 'StartTransaction' ? `4|"${code}","no",{}` : outage.usual(call));
  outage.comeBack();
  outage.pass(86_400_000);
  expect(outage.held).toMatchObject([{ delivery: { state: 'parked', lastError: 'x'.repeat(64) } }]);
});
