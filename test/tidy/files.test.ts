/** What STYLE.md asks of every file. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
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

/** Links of a page to places in the tree, without what stands behind `#`. */
function placesIn(text: string): string[] {
  const links = text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g);
  return [...links].map(([, place = '']) => place);
}

test('every link of a page leads to something', async () => {
  const pages = (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(root, file).split('/').includes('node_modules'));
  const dead: string[] = [];
  for (const page of pages)
    for (const place of placesIn(await readFile(page, 'utf8')))
      if (!existsSync(join(dirname(page), place))) dead.push(`${relative(root, page)}: ${place}`);
  expect(pages.length).toBeGreaterThan(20);
  expect(dead).toEqual([]);
});

describe('the checks themselves', () => {
  test('a text without a header is seen', () => {
    expect(/^(#!.*\n)?\/\*\*/.test('import x from "y";\n')).toBe(false);
  });

  test('a link is seen, and one that leads out of the tree is not', () => {
    expect(placesIn('[a](docs/a.md#part), [b](https://b.example/c.md), [c](#here) and [d](../d.md)')).toEqual(
      ['docs/a.md', '../d.md'],
    );
  });
});
