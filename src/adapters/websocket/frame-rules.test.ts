import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { isCloseCode } from './frame-rules.ts';

test('every code there is may stand in a close frame exactly when ws lets it', () => {
  const { isValidStatusCode } = createRequire(import.meta.url)(
    `${createRequire(import.meta.url)
      .resolve('ws')
      .replace(/index\.js$/, '')}lib/validation.js`,
  ) as { readonly isValidStatusCode: (code: number) => boolean };
  const codes = Array.from({ length: 65_536 }, (_, code) => code);
  expect(codes.filter(isCloseCode)).toEqual(codes.filter(isValidStatusCode));
  expect(codes.filter(isCloseCode)).toHaveLength(2_012);
});
