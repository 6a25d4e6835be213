import { expect, test } from 'vitest';
import { ownText } from './own-text.ts';

test('the copy is equal, whatever the text holds', () => {
  for (const text of ['', 'plain', '"quoted\\u0041"', '\ud800 alone', '\u2028\u0000é€😀'])
    expect(ownText(text)).toBe(text);
});
