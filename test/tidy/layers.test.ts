/** The layers of ARCHITECTURE.md hold, and each rule that says so is able to fail. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const binaries = join(root, 'node_modules/.bin');

interface Cruise {
  readonly modules: readonly unknown[];
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

/** A file that breaks exactly the rule it stands for. */
const offences: readonly (readonly [rule: string, file: string, source: string])[] = [
  ['std-imports-nothing', 'src/std/offence.ts', `import '../protocol/frame.ts';`],
  ['protocol-imports-std', 'src/protocol/offence.ts', `import '../core/station/step.ts';`],
  ['core-is-pure', 'src/core/station/offence.ts', `import 'node:fs';`],
  ['core-siblings-never-import-station', 'src/core/routing/offence.ts', `import '../station/step.ts';`],
  ['ports-are-types', 'src/ports/offence.ts', `import '../runtime/gateway.ts';`],
  ['runtime-imports-no-adapter', 'src/runtime/offence.ts', `import 'ws';`],
  ['control-imports-no-adapter', 'src/control/offence.ts', `import '../runtime/gateway.ts';`],
  ['adapters-import-ports', 'src/adapters/websocket/offence.ts', `import '../../runtime/gateway.ts';`],
  [
    'adapters-never-import-one-another',
    'src/adapters/websocket/offence-two.ts',
    `import '../sqlite/offence.ts';`,
  ],
  ['only-the-testkit-imports-ws', 'src/adapters/websocket/offence-three.ts', `import 'ws';`],
  ['api-imports-control', 'src/api/offence.ts', `import '../runtime/gateway.ts';`],
  ['cli-imports-the-client', 'src/cli/offence.ts', `import '../runtime/gateway.ts';`],
  ['only-main-puts-things-together', 'src/testkit/offence-two.ts', `import '../app/busbar.ts';`],
  ['nothing-imports-main', 'src/testkit/offence.ts', `import '../main.ts';`],
  ['no-cycles', 'src/std/cycle-a.ts', `import './cycle-b.ts';`],
];
const companions: readonly (readonly [file: string, source: string])[] = [
  ['src/adapters/sqlite/offence.ts', 'export const offence = 1;'],
  ['src/std/cycle-b.ts', `import './cycle-a.ts';`],
];

let copy = '';

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'busbar-layers-'));
  for (const part of [
    'src',
    '.dependency-cruiser.cjs',
    'tsconfig.base.json',
    'tsconfig.pure.json',
    'package.json',
  ]) {
    await cp(join(root, part), join(copy, part), { recursive: true });
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, source] of [
    ...offences.map(([, offender, text]) => [offender, text] as const),
    ...companions,
  ]) {
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await writeFile(join(copy, file), `${source}\n`);
  }
});

afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

test('the tree keeps its layers, and every rule finds the file that breaks it', async () => {
  const { modules, summary } = await cruise(copy);
  expect(modules.length).toBeGreaterThan(60);
  const found = new Set(summary.violations.map(({ rule }) => rule.name));
  expect([...found].toSorted()).toEqual(offences.map(([rule]) => rule).toSorted());
  // What was not put there to break a rule breaks none.
  const planted = new Set([...offences, ...companions].flatMap((each) => each.slice(0, 2)));
  expect(summary.violations.map(({ from }) => from).filter((file) => !planted.has(file))).toEqual([]);
});

test('a timer, the process, a Node module and the console do not compile in the core', async () => {
  const impure = {
    timer: 'setTimeout(() => {}, 1);',
    process: 'process.exit();',
    module: `import { readFileSync } from 'node:fs';\nreadFileSync('x');`,
    console: `console.log('x');`,
  };
  await rm(join(copy, 'src/core/station/offence.ts'), { force: true });
  for (const [name, source] of Object.entries(impure))
    await writeFile(join(copy, `src/core/station/impure-${name}.ts`), `${source}\nexport {};\n`);
  const { code, output } = await run('tsc', ['-p', 'tsconfig.pure.json', '--noEmit'], copy);
  for (const name of Object.keys(impure)) expect(output).toContain(`src/core/station/impure-${name}.ts`);
  expect(code).not.toBe(0);
});

async function cruise(folder: string): Promise<Cruise> {
  const { output } = await run(
    'depcruise',
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src'],
    folder,
  );
  return JSON.parse(output) as Cruise;
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(join(binaries, command), args, { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: stdout });
    });
  });
}
