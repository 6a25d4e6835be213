/** What STYLE.md asks of every file. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const linesMax = 600;

async function sourcesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

const sources = (await Promise.all(['src', 'test', 'bench'].map(sourcesIn))).flat();
const product = sources.filter((file) => file.startsWith('src/') && !file.endsWith('.test.ts'));
const texts = new Map(
  await Promise.all(sources.map(async (file) => [file, await readFile(join(root, file), 'utf8')] as const)),
);

test('there are files to look at', () => {
  expect(product.length).toBeGreaterThan(60);
});

test('every source starts by saying what it decides', () => {
  expect(product.filter((file) => !/^(#!.*\n)?\/\*\*/.test(texts.get(file) ?? ''))).toEqual([]);
});

test('no file is called index or utils', () => {
  expect(sources.filter((file) => /^(index|utils?|helpers?|misc|common)\.ts$/.test(basename(file)))).toEqual(
    [],
  );
});

test('names are kebab-case', () => {
  expect(
    sources.filter(
      (file) =>
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/.test(basename(file)) &&
        basename(file) !== 'vitest.config.ts',
    ),
  ).toEqual([]);
});

test(`no file is longer than ${linesMax} lines`, () => {
  expect(sources.filter((file) => (texts.get(file) ?? '').split('\n').length > linesMax)).toEqual([]);
});

test('nothing is left for later', () => {
  const marks = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X|HA', 'CK'].join(''));
  expect(sources.filter((file) => marks.test(texts.get(file) ?? ''))).toEqual([]);
});

describe('the checks themselves', () => {
  test('a text without a header is seen', () => {
    expect(/^(#!.*\n)?\/\*\*/.test('import x from "y";\n')).toBe(false);
  });
});
