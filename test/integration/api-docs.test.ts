import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { apiAndMetricsPages } from '../tools/reference-pages.ts';

test('the reference of the API and of the measurements says what the code does', async () => {
  for (const { path, text } of await apiAndMetricsPages()) {
    const written = await readFile(join(import.meta.dirname, '../..', path), 'utf8');
    expect(written === text, `${path} is stale: run npm run docs`).toBe(true);
  }
});
