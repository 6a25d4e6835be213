/** Whatever stands in the file, reading it ends with settings or with problems. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ProblemList } from '../../src/control/configuration/problem.ts';
import { readYaml } from '../../src/control/configuration/yaml-source.ts';
import { withFolder, type Folder } from './config-folder.ts';

const keys = [
  'stations',
  'listen',
  'tls',
  'cert',
  'key',
  'auth',
  'known',
  'CP-1',
  'password',
  'file',
  'env',
  'admin',
  'tokens',
  'storage',
  'backends',
  'old',
  'url',
  'identity',
  'versions',
  'credentials',
  'forward',
  'headers',
  'redial',
  'groups',
  'routes',
  'group',
  'primary',
  'actions',
  'observers',
  'backend',
  'receives',
  'commands',
  'configurationKeys',
  'localAnswers',
  'clock',
  'whenDown',
  'limits',
  'privacy',
  '__proto__',
  'constructor',
  'toString',
  '',
  '0',
  '${X}',
  '*',
];
const scalars = [
  '127.0.0.1:9220',
  'wss://old.example/{station}',
  '30s',
  '1MiB',
  'old',
  '*',
  'basic',
  '${X}',
  '$${X}',
  '${',
  '{station}',
  '',
  '../x',
  '/dev/null',
  '\uE000',
  '\u0000',
];
const anyKey = fc.oneof(fc.constantFrom(...keys), fc.string({ maxLength: 5 }));
const anyScalar = fc.oneof(
  fc.constantFrom(...scalars),
  fc.string({ maxLength: 8 }),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    anyScalar,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(anyKey, tie('tree'), { maxKeys: 6 }),
  ),
}));

async function end(folder: Folder, text: string): Promise<void> {
  await folder.write('busbar.yaml', text);
  const loaded = await folder.load({ X: 'x' });
  if (loaded.ok) return;
  expect(loaded.fault.length).toBeGreaterThan(0);
  for (const line of loaded.fault)
    expect(line).toMatch(/^(busbar\.yaml|FOLDER\/[^:]*)(:\d+)?: [^\n]+; [^\n]+$/s);
}

test('random trees of the words that matter end with settings or problems', async () => {
  await withFolder({}, (folder) =>
    fc.assert(
      fc.asyncProperty(fc.dictionary(anyKey, tree, { maxKeys: 8 }), (value) => end(folder, stringify(value))),
      { numRuns: 500 },
    ),
  );
});

test('a sound file with any of its characters changed ends with settings or problems', async () => {
  const whole = (await readFile(join(import.meta.dirname, 'config-problems.txt'), 'utf8'))
    .split(/^=== .*\n/m)
    .slice(20)
    .map((block) => block.replaceAll(/^(>>>|\+\+\+|\$\$\$) .*\n/gm, ''));
  const change = fc.record({
    at: fc.nat({ max: 300 }),
    drop: fc.nat({ max: 6 }),
    put: fc.constantFrom(
      '',
      ' ',
      ':',
      '-',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '&a',
      '*a',
      '!',
      '|',
      '>',
      '#',
      '%',
      '@',
      '`',
      '\t',
      '\n',
      '? ',
      '<<: ',
      '---\n',
      '${X}',
      'é',
      '\u2028',
    ),
  });
  await withFolder({}, (folder) =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(...whole), fc.array(change, { maxLength: 3 }), (text, changes) => {
        const changed = changes.reduce(
          (before, { at, drop, put }) => before.slice(0, at) + put + before.slice(at + drop),
          text,
        );
        return end(folder, changed);
      }),
      { numRuns: 1_000 },
    ),
  );
});

test('random text is YAML or a problem', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: fc.constantFrom(...'ab:-?*&!|>%@`\'"#{}[],\n\t $0.~'), maxLength: 60 }),
      async (text) => {
        const problems = new ProblemList();
        const source = await readYaml('busbar.yaml', text, {}, problems);
        expect(source.value === undefined && problems.isEmpty).toBe(false);
      },
    ),
    { numRuns: 3_000 },
  );
});
