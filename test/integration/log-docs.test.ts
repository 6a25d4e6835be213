/** The reference of the log is what the code logs: not stale, every event at the level that it has, and of those that are counted nothing is a line. */
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createObserver } from '../../src/app/observer.ts';
import type { Notice } from '../../src/core/station/events.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import type { Log, LogEvent } from '../../src/ports/log.ts';
import { createTrafficMetrics } from '../../src/runtime/metrics-from-records.ts';
import { logEntries, logPage } from '../tools/log-page.ts';
import { silentLog } from './busbar-fixture.ts';

const root = join(import.meta.dirname, '../..');

test('the page is not stale', async () => {
  const { path, text } = logPage();
  const written = await readFile(join(root, path), 'utf8');
  expect(written === text, `${path} is stale: run npm run docs`).toBe(true);
});

/** Level and event of every call with a literal one. */
const literalCalls = /\blog\.(debug|info|warn|error)\(\s*'([a-z_]+)'/g;

test('each event has the level at which the code logs it', async () => {
  const levels = new Map<string, Set<string>>();
  for await (const file of glob('src/**/*.ts', { cwd: root })) {
    if (file.endsWith('.test.ts')) continue;
    for (const [, level = '', event = ''] of (await readFile(join(root, file), 'utf8')).matchAll(
      literalCalls,
    ))
      levels.set(event, (levels.get(event) ?? new Set()).add(level));
  }
  expect(levels.size).toBeGreaterThan(30);
  for (const [event, found] of levels) expect([event, ...found]).toEqual([event, levelOf(event)]);
});

test('each notice has the level at which it is logged, and what is counted only is a notice', () => {
  const metrics = createTrafficMetrics();
  const family = metrics.families.find(({ name }) => name === 'busbar_notices_total');
  const notices = [...(family?.samples() ?? [])].map(({ labels }) => labels['notice'] ?? '');
  expect(notices.length).toBeGreaterThan(15);
  const logged: (readonly [event: string, level: string])[] = [];
  const at =
    (level: string): Log['info'] =>
    (event) =>
      void logged.push([event, level]);
  const observer = createObserver(metrics, { ...silentLog, debug: at('debug'), warn: at('warn') });
  for (const notice of notices) observer.onNotice('CP-1' as StationId, notice as Notice, 'old');
  expect(logged).toEqual(notices.map((notice) => [notice, levelOf(notice)]));
  const counted = Object.keys(logEntries).filter((event) => levelOf(event) === 'debug');
  expect(notices).toEqual(expect.arrayContaining(counted));
});

function levelOf(event: string): string {
  return logEntries[event as LogEvent].level;
}
