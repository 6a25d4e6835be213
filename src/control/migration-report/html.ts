/**
 * A document as one HTML file: no scripts, nothing loaded from elsewhere, fit to be printed and signed.
 *
 * Pure. Every text is escaped.
 */
import type { Block } from './report-document.ts';

/** The only style; whoever serves the file may allow it by its digest. */
export const reportStyle = `
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #16202a; background: #fff; max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; padding-top: .8rem; border-top: 2px solid #16202a; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border: 1px solid #c3ccd4; overflow-wrap: anywhere; }
th { background: #eef2f5; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: .5rem 0; }
dt { color: #51606e; }
dd { margin: 0; }
.signatures td { height: 3.2rem; }
@media print {
  body { margin: 0; max-width: none; font-size: 10.5pt; }
  thead { display: table-header-group; }
  tr, .signatures { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`;

export function htmlOf(blocks: readonly Block[], title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${reportStyle}</style>
</head>
<body>
${blocks.map(blockHtml).join('\n')}
</body>
</html>
`;
}

function blockHtml(block: Block): string {
  switch (block.type) {
    case 'heading':
      return `<h${block.level}>${escaped(block.text)}</h${block.level}>`;
    case 'text':
      return `<p>${escaped(block.text)}</p>`;
    case 'facts':
      return `<dl>\n${block.facts
        .map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`)
        .join('\n')}\n</dl>`;
    case 'table':
      return tableHtml(block.columns, block.rows);
    case 'signatures':
      return `<div class="signatures">\n${tableHtml(
        ['Role', 'Name', 'Date', 'Signature'],
        block.roles.map((role) => [role, '', '', '']),
      )}\n</div>`;
  }
}

function tableHtml(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = columns.map((column) => `<th scope="col">${escaped(column)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`);
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters and the marks that turn the direction of writing are left out. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
