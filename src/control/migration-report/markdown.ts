/**
 * A document as Markdown (GitHub's, for its tables).
 *
 * Pure. What stations and backends say of themselves stands in it, so that nothing in a text can become markup or a cell of its own.
 */
import type { Block } from './report-document.ts';

export function markdownOf(blocks: readonly Block[]): string {
  return `${blocks.map(blockText).join('\n\n')}\n`;
}

function blockText(block: Block): string {
  switch (block.type) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${escaped(block.text)}`;
    case 'text':
      return escaped(block.text);
    case 'facts':
      return block.facts.map(([name, value]) => `- **${escaped(name)}:** ${escaped(value)}`).join('\n');
    case 'table':
      return [block.columns, block.columns.map(() => '---'), ...block.rows.map((row) => row.map(escaped))]
        .map((cells, at) => `| ${(at === 0 ? cells.map(escaped) : cells).join(' | ')} |`)
        .join('\n');
    case 'signatures':
      return [
        '| Role | Name | Date | Signature |',
        '| --- | --- | --- | --- |',
        ...block.roles.map((role) => `| ${escaped(role)} | | | |`),
      ].join('\n');
  }
}

/** Line ends become blanks; everything that Markdown or the HTML in it could take for its own is escaped. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll(/[\p{Cf}]/gu, '')
    .replaceAll(/[\\`*_{}[\]<>#|~!&]/g, (character) => `\\${character}`);
}
