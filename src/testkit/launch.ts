/**
 * How Busbar is started, for what starts it as a process of its own: the arguments that its first line and `npm start` give Node.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../main.ts');

/** What Node itself is told, before the file: see docs/adr/0030-one-helper-thread.md. */
export function nodeFlags(): readonly string[] {
  const [first = ''] = readFileSync(main, 'utf8').split('\n', 1);
  return first.split(' ').filter((word) => word.startsWith('--'));
}

/** Node's arguments that run Busbar; a verb and its own follow. */
export function busbarArguments(): readonly string[] {
  return [...nodeFlags(), main];
}
