/** Whom Busbar lets charge while the backend is away. */
import { expect, test } from 'vitest';
import { Outage, startOf } from '../../testkit/outage-bench.ts';

test('a token that charges already gets no second transaction, and may be shown to end the first', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.start(1);
  expect(outage.say('StartTransaction', startOf(2, 1))).toMatchObject({
    idTagInfo: { status: 'ConcurrentTx' },
  });
  expect(outage.say('Authorize', { idTag: 'T' })).toMatchObject({ idTagInfo: { status: 'Accepted' } });
});
