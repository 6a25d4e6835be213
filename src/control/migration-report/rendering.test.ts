import fc from 'fast-check';
import { expect, test } from 'vitest';
import { htmlOf } from './html.ts';
import { markdownOf } from './markdown.ts';
import type { Block } from './report-document.ts';

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    '[x](javascript:alert(1))',
    'a | b\n| --- |',
    '\u202ereversed',
    '&lt;b&gt;',
    '![](http://x/)',
  ),
);

const blocks: fc.Arbitrary<Block[]> = fc
  .tuple(hostile, hostile, hostile)
  .map(([first, second, third]): Block[] => [
    { type: 'heading', level: 2, text: first },
    { type: 'text', text: second },
    { type: 'facts', facts: [[first, third]] },
    { type: 'table', columns: [first, second], rows: [[second, third]] },
    { type: 'signatures', roles: [third] },
  ]);

function tagsOf(html: string): string[] {
  return html.match(/<[^>]*>/g) ?? [];
}

test('no text becomes markup in HTML', () => {
  const plain = htmlOf(
    [
      { type: 'heading', level: 2, text: '' },
      { type: 'text', text: '' },
      { type: 'facts', facts: [['', '']] },
      { type: 'table', columns: ['', ''], rows: [['', '']] },
      { type: 'signatures', roles: [''] },
    ],
    '',
  );
  fc.assert(
    fc.property(blocks, hostile, (given, title) => {
      const html = htmlOf(given, title);
      expect(tagsOf(html)).toEqual(tagsOf(plain));
      expect(html.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }),
  );
});

test('no text becomes a cell, a line or a link in Markdown', () => {
  fc.assert(
    fc.property(blocks, (given) => {
      const lines = markdownOf(given).split('\n');
      expect(lines).toHaveLength(14);
      const rows = lines.filter((line) => line.startsWith('| '));
      expect(rows.map((row) => row.replaceAll(/\\./gs, '').split('|').length)).toEqual([4, 4, 4, 6, 6, 6]);
      expect(markdownOf(given).replaceAll(/\\./gs, '')).not.toMatch(/[<>[\]`]/);
    }),
  );
});
