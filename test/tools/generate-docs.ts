/** `npm run docs`: writes the reference pages that are made from the code. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { configurationAndCliPages } from './configuration-pages.ts';
import { logPage } from './log-page.ts';
import { apiAndMetricsPages } from './reference-pages.ts';

const root = join(import.meta.dirname, '../..');
for (const { path, text } of [...configurationAndCliPages(), ...(await apiAndMetricsPages()), logPage()]) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
