/** Every configuration that the guide shows is one that Busbar takes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPlanFile } from '../../src/control/migration-plan/read-plan.ts';
import { planDefaults } from '../../src/core/migration/plan.ts';
import { classOf, defaultReceived, messageClasses } from '../../src/protocol/message-class.ts';
import { withFolder } from './config-folder.ts';

async function read(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, `../../docs/guide/${name}.md`), 'utf8');
}

function configurationsOf(text: string): string[] {
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
}

async function settingsOf(text: string) {
  const loaded = await withFolder({ 'busbar.yaml': text }, (folder) => folder.load());
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  const { backends, routing, station, links } = loaded.value.settings;
  return { backends, routes: routing.routes, facts: routing.backends, station, links };
}

const page = await read('several-backends');
const outages = await read('outages');
const migrating = configurationsOf(await read('migrate-a-fleet'));
const isPlan = (text: string): boolean => text.includes('\nwaves:');
const configurations = {
  'several-backends': configurationsOf(page),
  outages: configurationsOf(outages),
  'migrate-a-fleet': migrating.filter((text) => !isPlan(text)),
};

test('the guides show configurations', () => {
  expect(configurations['several-backends'].length).toBeGreaterThanOrEqual(4);
  expect(configurations.outages).toHaveLength(2);
  expect(migrating).toHaveLength(3);
});

test('the plan in migrate-a-fleet.md is one that Busbar takes, and its first lines say the defaults', async () => {
  const text = migrating.find(isPlan) ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'busbar-guide-'));
  const file = join(folder, 'plan.yaml');
  await writeFile(file, text);
  const made = await readPlanFile(file, {});
  await rm(folder, { recursive: true });
  expect(made.ok ? made.value.plan : made.fault).toMatchObject({ ...planDefaults, name: 'leave-old' });
});

test.each(
  Object.entries(configurations).flatMap(([guide, texts]) =>
    texts.map((text, at) => [guide, at + 1, text] as const),
  ),
)('%s, configuration %i', async (_guide, _at, text) => {
  const loaded = await withFolder({ 'busbar.yaml': text }, (folder) => folder.load());
  expect(loaded.ok ? [] : loaded.fault).toEqual([]);
});

test('what outages.md calls the defaults are', async () => {
  const [least = '', full = ''] = configurations.outages;
  const bare = full.replaceAll(/^ +(callTimeout|drainRate|holdDown|answerWithin|heldPerStation): .*\n/gm, '');
  expect(bare.split('\n')).toHaveLength(full.split('\n').length - 5);
  const withoutEmpty = bare.replaceAll(/^(stationSettings|limits):\n/gm, '');
  expect(await settingsOf(full)).toEqual(await settingsOf(withoutEmpty));
  expect(least).toContain('authorizeWhenDown: known # the default');
  expect((await settingsOf(least)).routes).toEqual(
    (await settingsOf(least.replace(/^.*authorizeWhenDown.*\n/m, ''))).routes,
  );
});

test('the table of classes in several-backends.md names each, with messages that are of it', () => {
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
