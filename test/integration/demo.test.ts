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
  expect(output).toMatch(/Busbar drained/);
  expect(output).not.toContain('NOT ');
  expect(output.match(/^ {2}ok /gm)).toHaveLength(13);
  expect(output.trimEnd().split('\n').at(-1)).toBe('It held.');
  expect(code).toBe(0);
});

function run(args: readonly string[]): Promise<{ code: number; output: string }> {
  const main = join(import.meta.dirname, '../../src/main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 170_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: stdout + stderr });
    });
  });
}
