/** Every configuration that the guide shows is one that Busbar takes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { classOf, defaultReceived, messageClasses } from '../../src/protocol/message-class.ts';
import { withFolder } from './config-folder.ts';

const page = await readFile(join(import.meta.dirname, '../../docs/guide/several-backends.md'), 'utf8');
const configurations = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

test('the guide shows configurations', () => {
  expect(configurations.length).toBeGreaterThanOrEqual(4);
});

test.each(configurations.map((text, at) => [at + 1, text] as const))(
  'configuration %i',
  async (_at, text) => {
    const loaded = await withFolder({ 'busbar.yaml': text }, (folder) => folder.load());
    expect(loaded.ok ? [] : loaded.fault).toEqual([]);
  },
);

test('its table of classes names each, with messages that are of it', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name, text]) => [name, text] as const);
  expect(rows.map(([name]) => name)).toEqual([...messageClasses]);
  for (const [name, text = ''] of rows)
    for (const action of text.match(/\b[A-Z][a-z]+[A-Z]\w+\b/g) ?? [])
      expect(
        ['ocpp1.6', 'ocpp2.1'].map((version) =>
          classOf(version as 'ocpp1.6' | 'ocpp2.1', action, () => name === 'transactions'),
        ),
        action,
      ).toContain(name);
  expect(page).toContain('Without it: registration, liveness and state.');
  expect(defaultReceived).toEqual(['registration', 'liveness', 'state']);
});
