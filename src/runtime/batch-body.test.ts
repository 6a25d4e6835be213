import { expect, test } from 'vitest';
import { BatchBody, SpareMemory } from './batch-body.ts';

const texts = ['a', 'é€😀', '', 'x'.repeat(300_000), '€'.repeat(300_000), 'end'];

test('holds what was added as UTF-8, however large it is', () => {
  const body = new BatchBody(new SpareMemory().take());
  for (const text of texts) body.add(text);
  expect(Buffer.from(body.bytes).toString()).toBe(texts.join(''));
  expect(body.length).toBe(Buffer.byteLength(texts.join('')));
});

test('one that shrank holds the same, and the memory that it had is used again', () => {
  const spare = new SpareMemory();
  const memory = spare.take();
  const body = new BatchBody(memory);
  body.add('kept');
  spare.giveBack(body.shrink());
  const next = new BatchBody(spare.take());
  expect(next.memory).toBe(memory);
  next.add('next');
  body.add(' and more');
  expect([body, next].map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['kept and more', 'next']);
});

test('memory that a large record made larger is not kept', () => {
  const spare = new SpareMemory();
  const body = new BatchBody(spare.take());
  body.add('x'.repeat(1_000_000));
  spare.giveBack(body.memory);
  expect(spare.take()).not.toBe(body.memory);
});
