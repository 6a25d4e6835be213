/** The demo is the first thing a user sees: it must hold, and say so. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('the demo ends well, and every claim it makes was verified', { timeout: 180_000 }, async () => {
  const { code, output } = await run(['demo', '--once']);
  expect(output).toMatch(
    /certificates were renewed: new handshakes get the new one, and no open link was dropped/,
  );
  expect(output).toMatch(/"watch", listens in since a reload: it was told of every station/);
  const numbers = [...output.matchAll(/^ {2}(?:the station|\w+ \((?:primary|observer)\)) +(\d+)$/gm)];
  const [station, primary, observer] = numbers.map(([, number]) => number);
  expect(numbers).toHaveLength(3);
  expect(station).toBe(primary);
  expect(observer).not.toBe(primary);
  expect(output).toMatch(/stations that stayed connected +18 of 18 +0 of 18\n/);
  const row = (what: string): number => Number(new RegExp(`^  ${what} +(\\d+) `, 'm').exec(output)?.[1]);
  expect(row('calls answered meanwhile')).toBeGreaterThan(0);
  expect(row('messages held by Busbar')).toBeGreaterThan(0);
  expect(row('of them delivered since, once each')).toBe(row('messages held by Busbar'));
  expect(row('sessions begun and ended meanwhile')).toBeGreaterThan(0);
  expect(row('of them at the backend, whole, in order')).toBe(row('sessions begun and ended meanwhile'));
  expect(output).toMatch(/Wave canary: 3 stations moved to "new" within .*, 0 links dropped/);
  expect(output).toMatch(/calls\.errorRate of wave pilot is red/);
  expect(output).toMatch(/10 stations were at "old" again .* after the command, 0 links dropped/);
  expect(output).toMatch(/The migration is done/);
  expect(output).toMatch(/18 of 18 stations are at "new".*0 exceptions/);
  expect(movesIn(output)).toEqual([
    ['canary to new', 3],
    ['pilot to new', 5],
    ['pilot to old, by its gate', 5],
    ['pilot to new', 5],
    ['rest to new', 10],
    ['rest to old, by an operator', 10],
    ['rest to new', 10],
  ]);
  for (const claim of claimsOfMoves) expect(output).toContain(`  ok   ${claim}`);
  expect(output).toMatch(/Busbar drained/);
  expect(output).not.toContain('NOT ');
  expect(output.match(/^ {2}ok /gm)).toHaveLength(20);
  expect(output.trimEnd().split('\n').at(-1)).toBe('It held.');
  expect(code).toBe(0);
});

const claimsOfMoves = [
  'no station lost its link by being moved: 48 moves',
  'no station was sent anything because of it',
  'open transactions stayed where they began',
  'each transaction was told to one of "old" and "new", never to both',
  'each is known whole to the one that was told of it',
  'what "old" and "new" bill is what the meters moved, without gap, overlap or double',
  'each of them takes every connector for what its station said last',
];

/** What moved, and of how many stations: none lost a link, and what was open and what began later is where it is to be. */
function movesIn(output: string): readonly (readonly [string, number])[] {
  const rows = output.matchAll(/^ {2}(\w+ to .*?) {2,}(\d+) +0 +(\d+), \3 +(\d+), \4$/gm);
  return [...rows].map(([, what = '', stations]) => [what, Number(stations)] as const);
}

function run(args: readonly string[]): Promise<{ code: number; output: string }> {
  const main = join(import.meta.dirname, '../../src/main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 170_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: stdout + stderr });
    });
  });
}
