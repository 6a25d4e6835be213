/**
 * Runs every bench and prints one table, with the machine named.
 *
 *     node bench/all.ts [--publish]
 *
 * `--publish` also writes it to `bench/results/<date>-<machine>.md`. Exits 3 when a figure is beyond its bound, after all of them have run.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hasFailed, tableOf, type Figure } from './rig/report.ts';
import { isPinned } from './rig/rig.ts';

const commands: readonly (readonly [bench: string, ...options: string[]])[] = [
  ['relay'],
  ['observers'],
  ['observer-harm'],
  ['observer-memory'],
  ['latency'],
  ['memory'],
  ['memory', '--tls', '--stations', '4000'],
  ['storm'],
  ['storm', '--tls'],
  ['growth'],
  ['cover'],
  ['restart'],
  ['cutover'],
];

const { values: options } = parseArgs({ options: { publish: { type: 'boolean', default: false } } });
const folder = await mkdtemp(join(tmpdir(), 'busbar-bench-'));
const loadBefore = loadavg()[0] ?? 0;
const commit = commitName();
const figures: Figure[] = [];
const broken: string[] = [];
for (const [bench, ...rest] of commands) {
  const found = await run(bench, rest);
  if (found === null) broken.push([bench, ...rest].join(' '));
  else figures.push(...found);
}
await rm(folder, { recursive: true });
const page = pageOf();
process.stdout.write(`\n${page}`);
if (options.publish) process.stdout.write(`\nWritten to ${await publish(page)}\n`);
if (broken.length > 0) {
  process.stderr.write(`These did not finish: ${broken.join(', ')}\n`);
  process.exitCode = 1;
} else if (figures.some(hasFailed)) process.exitCode = 3;

/** Null when it left no figures. */
async function run(bench: string, rest: readonly string[]): Promise<readonly Figure[] | null> {
  const file = join(folder, 'figures.json');
  await rm(file, { force: true });
  process.stderr.write(`${[bench, ...rest].join(' ')}…\n`);
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, `${bench}.ts`), '--figures', file, ...rest],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  await new Promise((resolve) => child.once('exit', resolve));
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Figure[];
  } catch {
    return null;
  }
}

function pageOf(): string {
  const cores = availableParallelism();
  const machine = `${modelName()}, ${cores} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
  const pinned = isPinned
    ? 'The process under test had one core, its load another.'
    : 'Nothing was pinned to a core.';
  const lines = [
    `# Measured on ${today()}`,
    '',
    `${commit}. ${machine}. ${pinned} Load of the machine before it began: ${loadBefore.toFixed(1)}.`,
    '',
    '**A** is a bare `ws` pipe, measured in the same rounds. How: [docs/guide/benchmarks.md](../../docs/guide/benchmarks.md).',
    '',
    tableOf(figures),
  ];
  return `${lines.join('\n')}\n`;
}

async function publish(text: string): Promise<string> {
  const results = join(import.meta.dirname, 'results');
  await mkdir(results, { recursive: true });
  const machine = `${modelName()} ${availableParallelism()}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const file = join(results, `${today()}-${machine}.md`);
  await writeFile(file, text);
  return file;
}

/** What was measured. Without a repository nobody can say. */
function commitName(): string {
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes';
    return `Commit ${git('rev-parse', '--short', 'HEAD').trim()}${changed}`;
  } catch {
    return 'No commit';
  }
}

function git(...args: string[]): string {
  const cwd = import.meta.dirname;
  return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function modelName(): string {
  return cpus()[0]?.model.trim() ?? process.arch;
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
