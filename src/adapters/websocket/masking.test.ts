import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Masker, randomMask } from './masking.ts';

const masker = new Masker();

test('masks as RFC 6455 §5.3 says, nothing beside it, and tells ASCII', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.boolean(),
      fc.nat(9),
      fc.integer(),
      (octets, isAscii, start, mask) => {
        const payload = isAscii ? octets.map((octet) => octet & 0x7f) : octets;
        const key = Buffer.alloc(4);
        key.writeInt32LE(mask);
        const masked = payload.map((octet, at) => octet ^ (key[at % 4] ?? 0));
        const data = Buffer.concat([Buffer.alloc(start, 0xaa), masked, Buffer.alloc(5, 0xaa)]);
        expect(masker.apply(data, start, start + payload.length, mask)).toBe(
          payload.every((octet) => octet < 0x80),
        );
        expect(data.subarray(start, start + payload.length)).toEqual(Buffer.from(payload));
        expect([...data.subarray(0, start), ...data.subarray(start + payload.length)]).toEqual(
          Array.from({ length: start + 5 }, () => 0xaa),
        );
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a key is hardly ever used twice', () => {
  const keys = new Set(Array.from({ length: 10_000 }, randomMask));
  expect(keys.size).toBeGreaterThan(9_990);
});
