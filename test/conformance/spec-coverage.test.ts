import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { schemaVersions } from '../tools/copy-schemas.ts';
import { coveragePage, coverageText, coveredActions, fromStation } from '../tools/spec-coverage.ts';

test('docs/spec-coverage.md lists every action that has a schema', async () => {
  const isFresh = (await readFile(coveragePage, 'utf8')) === (await coverageText());
  expect(isFresh, 'docs/spec-coverage.md is stale: run node test/tools/spec-coverage.ts').toBe(true);
});

test.each(schemaVersions)('%s: every action that a station is said to send exists', async (version) => {
  const actions = new Set((await coveredActions(version)).map(({ action }) => action));
  expect([...fromStation[version]].filter((action) => !actions.has(action))).toEqual([]);
});
