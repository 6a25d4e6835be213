import { expect, test } from 'vitest';
import { plainNumberAt } from './plain-number.ts';

function isPlain(payload: string): boolean {
  const text = `[2,"1","MeterValues",${payload}]`;
  return plainNumberAt(text, { bodyStart: text.indexOf('{'), bodyEnd: text.length - 1 }) !== -1;
}

test.each(['{"transactionId":7}', '{"connectorId":1,"transactionId": 71,"sig":"a\\nb"}'])(
  '%s needs no second look',
  (payload) => {
    expect(isPlain(payload)).toBe(true);
  },
);

test.each([
  '{}',
  '{"transactionId":-1}',
  '{"transactionId":0}',
  '{"transactionId":"7"}',
  '{"transactionId" :7}',
  '{"transactionId":7,"transactionId":-1}',
  '{"transactionId":7,"transaction\\u0049d":-1}',
])('%s does', (payload) => {
  expect(isPlain(payload)).toBe(false);
});
