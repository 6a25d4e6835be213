import { expect, test } from 'vitest';
import { GrowingBytes } from './growing-bytes.ts';

test('keeps what came, in order, and never room for more than twice as much', () => {
  const growing = new GrowingBytes();
  const source = Buffer.from(Array.from({ length: 5_000 }, (_, at) => at & 0xff));
  for (let at = 0; at < source.length; at += 7) {
    growing.append(source, at, Math.min(at + 7, source.length));
    expect(growing.bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(64, growing.length * 2));
  }
  expect(growing.length).toBe(source.length);
  expect(growing.bytes).toEqual(source);
});
