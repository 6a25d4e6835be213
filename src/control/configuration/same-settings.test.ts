import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Settings } from '../../ports/settings.ts';
import { loadConfiguration } from './load.ts';
import { areSameSettings } from './same-settings.ts';

const lines = [
  'stations: { listen: "127.0.0.1:9220", auth: basic, known: { CP-1: { password: { file: own }, tags: [a] } } }',
  'backends:',
  '  old: { url: "ws://old.example/{station}", credentials: { password: { file: "sent-{station}" } } }',
  '  new: { url: "ws://new.example/{station}", credentials: { password: { file: shared } } }',
  'groups: { one: { stations: [CP-1] }, two: { tags: [a] } }',
  'routes: [{ group: one, primary: old, actions: { DataTransfer: new } }, { stations: "*", primary: new }]',
];
const text = lines.join('\n');
const own = 'station-password-1';
let folder = '';

async function read(config: string, files: Readonly<Record<string, string>> = {}): Promise<Settings> {
  for (const [name, secret] of Object.entries({ own, 'sent-CP-1': own, shared: own, ...files }))
    await writeFile(join(folder, name), secret, { mode: 0o600 });
  await writeFile(join(folder, 'busbar.yaml'), config);
  const loaded = await loadConfiguration(join(folder, 'busbar.yaml'), {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  return loaded.value.settings;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-same-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('what says the same is the same, however it is written', async () => {
  const before = await read(text);
  expect(areSameSettings(before, await read(text))).toBe(true);
  expect(
    areSameSettings(before, await read(`# a remark\n${text}\n\nstorage: "sqlite:./data/busbar.db"`)),
  ).toBe(true);
});

test.each([
  ['a tag', text.replace('tags: [a] }', 'tags: [a, b] }'), {}],
  ['an address', text.replace('new.example', 'newer.example'), {}],
  ['the authority for an action', text.replace('DataTransfer', 'Authorize'), {}],
  [
    'the order of groups',
    text.replace(
      'one: { stations: [CP-1] }, two: { tags: [a] }',
      'two: { tags: [a] }, one: { stations: [CP-1] }',
    ),
    {},
  ],
  ['a station’s password', text, { own: 'station-password-2' }],
  ['a password that a backend is given', text, { shared: 'station-password-2' }],
  ['one that it is given for one station', text, { 'sent-CP-1': 'station-password-2' }],
  ['one for another station', text, { 'sent-CP-2': 'station-password-2' }],
])('another is seen: %s', async (_what, config, files) => {
  const before = await read(text);
  expect(areSameSettings(before, await read(config, files))).toBe(false);
});
