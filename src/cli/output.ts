/**
 * Results of a verb as a table, as JSON or as CSV (`-o`).
 *
 * What stations and backends say of themselves ends up in these cells, so nothing in them reaches a terminal or a spreadsheet as a command:
 * control characters are written as escapes, and a CSV cell that a spreadsheet would take for a formula gets an apostrophe in front (OWASP,
 * "CSV Injection"). JSON escapes C0 by itself; the rest is escaped here.
 */
import Table from 'cli-table3';
import { stringify } from 'csv-stringify/sync';
import stringWidth from 'string-width';
import type { CliIo } from './io.ts';

export const outputFormats = ['table', 'json', 'csv'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface Column<Row> {
  /** Heading of the table and name in the CSV header. */
  readonly title: string;
  /** In a table, longer cells are broken into lines of this many characters. */
  readonly widthMax?: number;
  /** Null prints as an empty cell. */
  valueOf(row: Row): string | number | boolean | null;
}

/** Prints a finished list: a table, one JSON array of the rows as they are, or CSV with a header line. */
export function printRows<Row>(
  io: CliIo,
  format: OutputFormat,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): void {
  switch (format) {
    case 'json':
      io.stdout.write(`${jsonText(rows, 2)}\n`);
      return;
    case 'csv':
      io.stdout.write(
        csvLines([columns.map((column) => column.title), ...rows.map((row) => csvCells(columns, row))]),
      );
      return;
    case 'table': {
      const head = columns.map((column) => column.title);
      const cells = rows.map((row) => columns.map((column) => cellText(column.valueOf(row))));
      const colWidths = columns.map(({ title, widthMax }, at) => {
        let widest = stringWidth(title);
        for (const row of cells) widest = Math.max(widest, stringWidth(row[at] ?? ''));
        return Math.min(widest, widthMax ?? Infinity) + cellPadding;
      });
      for (let at = 0; at === 0 || at < cells.length; at += rowsAtOnce) {
        const isFirst = at === 0;
        const isLast = at + rowsAtOnce >= cells.length;
        const style = { head: [], border: [], compact: true };
        const table = new Table({
          head: isFirst ? head : [],
          style,
          colWidths,
          wordWrap: true,
          wrapOnWordBoundary: false,
        });
        table.push(...cells.slice(at, at + rowsAtOnce));
        const lines = table.toString().split('\n');
        io.stdout.write(`${lines.slice(isFirst ? 0 : 1, isLast ? undefined : -1).join('\n')}\n`);
      }
    }
  }
}

/** Rows that the table is made of at one time: its time grows with their square. */
const rowsAtOnce = 100;

/** A blank on both sides. */
const cellPadding = 2;

/**
 * Prints rows one by one as they come, for verbs that follow something: columns parted by two blanks, one JSON text a line, or CSV with its
 * header first.
 */
export function rowPrinter<Row>(
  io: CliIo,
  format: OutputFormat,
  columns: readonly Column<Row>[],
): (row: Row) => void {
  if (format === 'json') return (row) => void io.stdout.write(`${jsonText(row)}\n`);
  if (format === 'csv') {
    io.stdout.write(csvLines([columns.map((column) => column.title)]));
    return (row) => void io.stdout.write(csvLines([csvCells(columns, row)]));
  }
  return (row) => {
    const cells = columns.map((column) => cellText(column.valueOf(row)));
    io.stdout.write(`${cells.join('  ')}\n`);
  };
}

/** The text with control characters (C0, DEL, C1, and the marks that turn the direction of writing) as `\u` escapes. */
export function neutralised(text: string): string {
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    escaped,
  );
}

/** A value as JSON. What JSON leaves raw and a terminal obeys (DEL, C1, direction marks) is escaped too: the value is the same. */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replaceAll(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    escaped,
  );
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function cellText(value: string | number | boolean | null): string {
  return value === null ? '' : neutralised(String(value));
}

function csvCells<Row>(columns: readonly Column<Row>[], row: Row): string[] {
  return columns.map((column) => {
    const value = column.valueOf(row);
    const text = cellText(value);
    return typeof value === 'string' && /^\s*[=+\-@]/.test(text) ? `'${text}` : text;
  });
}

function csvLines(lines: readonly (readonly string[])[]): string {
  return stringify(lines.map((line) => [...line]));
}
