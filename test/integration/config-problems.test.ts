/** Every kind of problem with a configuration, with its exact text: file, line, key, what and why, what to do. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withFolder } from './config-folder.ts';

interface Case {
  readonly title: string;
  readonly env: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

const cases = readCases(await readFile(join(import.meta.dirname, 'config-problems.txt'), 'utf8'));

test('there are cases, and each expects a problem', () => {
  expect(cases.length).toBeGreaterThan(120);
  expect(cases.filter((one) => one.problems.length === 0)).toEqual([]);
  expect(new Set(cases.map((one) => one.title)).size).toBe(cases.length);
});

describe('is refused with file, line, key, reason and remedy:', () => {
  test.each(cases)('$title', async ({ env, files, problems }) => {
    const loaded = await withFolder(files, (folder) => folder.load(env));
    expect(loaded).toEqual({ ok: false, fault: problems });
  });
});

test('all problems of a file are reported at once, in its order', async () => {
  const text = [
    'stations:',
    '  listen: 0.0.0.0:9220',
    '  admit: nobody',
    'backends:',
    '  old: { url: https://old.example, callTimeout: 1m }',
    'routes:',
    '  - { stations: "*", primary: odl, whenDown: covers }',
    'sinks: []',
  ].join('\n');
  const loaded = await withFolder({ 'busbar.yaml': text }, (folder) => folder.load());
  const lines = loaded.ok ? [] : loaded.fault.map((line) => line.split(': ').slice(0, 2).join(': '));
  expect(lines).toEqual([
    'busbar.yaml:1: stations.auth',
    'busbar.yaml:3: stations.admit',
    'busbar.yaml:5: backends.old.callTimeout',
    'busbar.yaml:5: backends.old.url',
    'busbar.yaml:7: routes[0].whenDown',
    'busbar.yaml:7: routes[0].primary',
    'busbar.yaml:8: sinks',
  ]);
});

/** The format is explained at the top of the file. */
function readCases(text: string): Case[] {
  const blocks = text.split(/^=== /m).slice(1);
  return blocks.map((block) => {
    const [title = '', ...lines] = block.trimEnd().split('\n');
    const env: Record<string, string> = {};
    const files: Record<string, string> = { 'busbar.yaml': '' };
    const problems: string[] = [];
    let file = 'busbar.yaml';
    for (const line of lines) {
      const rest = line.slice(4);
      if (line.startsWith('>>> ')) problems.push(rest);
      else if (line.startsWith('$$$ ')) env[rest.split('=')[0] ?? ''] = rest.slice(rest.indexOf('=') + 1);
      else if (line.startsWith('+++ ')) {
        file = rest;
        files[file] = '';
      } else files[file] += `${line}\n`;
    }
    return { title, env, files, problems };
  });
}
