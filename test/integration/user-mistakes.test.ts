/**
 * What people do wrong on the command line and around it, each with the real command: the exit code, and one line that says where, what, and what to do.
 *
 * What is wrong inside a configuration file is `config-problems.test.ts`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import { until } from '../../src/testkit/until.ts';
import { silentLog } from './busbar-fixture.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const retention = { framesMs: 86_400_000, bytesMax: 1_073_741_824 };
const backend = 'old=ws://127.0.0.1:1/{station}';

let folder: string;
let taken: Server;
let takenPort: number;
const running: Run[] = [];

class Run {
  readonly child;
  out = '';
  err = '';
  readonly ended: Promise<number | null>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
    });
    this.child.stdout.on('data', (data: Buffer) => (this.out += data.toString()));
    this.child.stderr.on('data', (data: Buffer) => (this.err += data.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
    running.push(this);
  }
}

/** A configuration that starts, but for what is changed; ports are free ones. */
async function configured(
  name: string,
  changes: Partial<Record<'stations' | 'admin' | 'storage', string>>,
): Promise<string> {
  const lines = {
    stations: '{ listen: "127.0.0.1:0" }',
    admin: '{ listen: "127.0.0.1:0" }',
    storage: `sqlite:./${name}.db`,
    backends: '{ old: { url: "ws://127.0.0.1:1/{station}" } }',
    routes: '[{ stations: "*", primary: old }]',
    ...changes,
  };
  await writeFile(
    join(folder, `${name}.yaml`),
    Object.entries(lines)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join(''),
  );
  return `${name}.yaml`;
}

/** A gateway with one known station, listening. */
async function started(name: string): Promise<{ gateway: Run; admin: string; config: string }> {
  const config = await configured(name, {
    stations:
      '{ listen: "127.0.0.1:0", auth: basic, admit: listed, known: { CP-1: { password: { file: cp-1 } } } }',
  });
  await writeFile(join(folder, 'cp-1'), 'a-password-of-20-characters\n', { mode: 0o600 });
  const gateway = new Run(['serve', '--config', config]);
  await until('it listens', () => gateway.err.includes('"event":"started"'), 20_000);
  const admin = /"adminUrl":"([^"]+)"/.exec(gateway.err)?.[1] ?? '';
  return { gateway, admin, config };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-mistakes-'));
  taken = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(taken, 'listening');
  takenPort = (taken.address() as AddressInfo).port;
  await writeFile(join(folder, 'note.txt'), 'This is a text, and a text is no journal of frames at all.\n');
  await mkdir(join(folder, 'folder'));
  const other = new DatabaseSync(join(folder, 'other.db'));
  other.exec('CREATE TABLE things (name TEXT)');
  other.close();
  const file = join(folder, 'newer.db');
  const journal = await openSqliteJournal({ file, retention, log: silentLog });
  if (!journal.ok) throw new Error(journal.fault.detail);
  await journal.value.close();
  const newer = new DatabaseSync(file);
  newer.exec('PRAGMA user_version = 999');
  newer.close();
});

afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  taken.close();
  await rm(folder, { recursive: true, force: true });
});

test('a gateway that has started says by which file, where stations and operators connect, who may, and where its journal is', async () => {
  const { gateway, admin } = await started('said');
  const line = gateway.err.split('\n').find((text) => text.includes('"event":"started"')) ?? '';
  expect(JSON.parse(line)).toMatchObject({
    config: join(folder, 'said.yaml'),
    stationUrl: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:[1-9]\d*\/ocpp\/\{station\}$/),
    auth: 'basic',
    admit: 'listed',
    adminUrl: admin,
    storage: join(folder, 'said.db'),
  });
});

test('a demo that is interrupted leaves nothing behind', { timeout: 60_000 }, async () => {
  const TMPDIR = join(folder, 'demo');
  await mkdir(TMPDIR);
  const demo = new Run(['demo'], { TMPDIR });
  await until('it is at it', () => demo.out.includes('stations are connected'), 40_000);
  expect(await readdir(TMPDIR)).toContainEqual(expect.stringMatching(/^busbar-demo-/));
  demo.child.kill('SIGINT');
  await demo.ended;
  expect(demo.child.signalCode).toBe('SIGINT');
  expect((await readdir(TMPDIR)).filter((name) => name.startsWith('busbar-demo-'))).toEqual([]);
});

describe.concurrent('wrong usage ends with exit code 2 and says what to write', () => {
  test.each<[string, string]>([
    ['stations', "unknown command 'stations'"],
    ['station lsit', 'Did you mean list?'],
    ['station show', "missing required argument 'id'"],
    ['station show A B', 'Expected 1 argument but got 2'],
    ['station list -o xml', 'Allowed choices are table, json, csv.'],
    ['station list --nope', "unknown option '--nope'"],
    ['station list --connected --disconnected', 'cannot be used with'],
    ['station list --admin localhost:9221', 'write an address such as http://127.0.0.1:9221'],
    ['station list --token-file nowhere', '--token-file nowhere: there is no such file'],
    ['station list --token-file folder', '--token-file folder: it is a folder; name a file'],
    ['frames tail --count 0', 'A whole number from 1 is needed.'],
    ['config check', "required option '--config <file>' not specified"],
    ['config check --config nowhere.yaml', 'does not exist; create it, or mend the path'],
    ['config check --config folder', 'is not a file; name a file'],
    ['serve', 'serve needs --config FILE, or --backend NAME=URL'],
    ['serve --config a.yaml --backend a=b', 'cannot be used with'],
    ['serve --backend old', 'Write NAME=URL'],
    ['serve --backend old=http://x/{station}', 'http:// is not WebSocket; write ws://'],
    [`serve --backend ${backend} --listen 99999`, 'must be host:port such as'],
    [`serve --backend ${backend} --listen 0.0.0.0:0`, 'write a file with stations.auth'],
    ['simulate stations', "required option '--url <url>' not specified"],
    ['simulate stations --url http://x', 'is no WebSocket address'],
    ['simulate stations --url ws://x --count 0', 'A whole number from 1 to 100000 is needed.'],
    ['simulate backend --misbehave sulk=1', '"sulk" is none of'],
    ['simulate backend --password-file {station}', 'a simulated backend has one password'],
  ])('busbar %s', async (args, says) => {
    const run = new Run(args.split(' '));
    expect(await run.ended).toBe(2);
    expect(run.err).toContain(says);
    expect(run.err).not.toMatch(/^ {4}at /m);
    expect(run.out).toBe('');
  });
});

describe.concurrent('a gateway that cannot start ends with exit code 1, one line, and leaves nothing running', () => {
  test.each<[string, Parameters<typeof configured>[1], RegExp]>([
    ['a-folder', { storage: 'sqlite:./folder' }, /^storage: .*folder cannot be opened .*name a file/],
    [
      'a-text',
      { storage: 'sqlite:./note.txt' },
      /^storage: .*note\.txt is no journal of Busbar's: name another/,
    ],
    ['another-database', { storage: 'sqlite:./other.db' }, /^storage: .*other\.db is no journal/],
    ['a-newer-schema', { storage: 'sqlite:./newer.db' }, /^storage: .*newer\.db .*newer/],
    [
      'under-a-file',
      { storage: 'sqlite:./note.txt/x.db' },
      /^storage: the folder .* there is a file of that name/,
    ],
    [
      'no-such-address',
      { stations: '{ listen: "192.0.2.1:9220", auth: none }' },
      /^stations\.listen: 192\.0\.2\.1:9220: this machine has no such address/,
    ],
  ])('%s', async (name, changes, says) => {
    const run = new Run(['serve', '--config', await configured(name, changes)]);
    expect(await run.ended).toBe(1);
    expect(run.err).toMatch(says);
    expect(run.err.trimEnd().split('\n')).toHaveLength(1);
  });

  test.each(['stations', 'admin'] as const)('the port of %s is taken', async (listener) => {
    const changes = { [listener]: `{ listen: "127.0.0.1:${takenPort}" }` };
    const run = new Run(['serve', '--config', await configured(`taken-${listener}`, changes)]);
    expect(await run.ended).toBe(1);
    expect(run.err).toBe(
      `${listener}.listen: 127.0.0.1:${takenPort}: the port is taken by another process; stop that one, or name another port\n`,
    );
  });
});

test('a folder in the place of a file of the journal', async () => {
  await mkdir(join(folder, 'locked.db-lock'));
  const run = new Run(['serve', '--config', await configured('locked', {})]);
  expect(await run.ended).toBe(1);
  expect(run.err).toMatch(/^storage: .*locked\.db-lock cannot be opened .*; it is a folder; name a file/);
});

describe.concurrent('a question that gets no answer ends with exit code 1 and one line', () => {
  test('nothing listens there', async () => {
    const run = new Run(['station', 'list', '--admin', 'http://127.0.0.1:2']);
    expect(await run.ended).toBe(1);
    expect(run.err).toMatch(/^Busbar cannot be reached at http:\/\/127\.0\.0\.1:2 .*is it running/);
  });

  test('something else listens there', async () => {
    const run = new Run(['backend', 'list', '--admin', `http://127.0.0.1:${takenPort}`]);
    expect(await run.ended).toBe(1);
    expect(run.err).toMatch(/^Busbar cannot be reached at .*\n$/);
  });
});

test('a result that cannot be written is said in one line', async () => {
  const shell = spawn('sh', ['-c', `"$0" "$1" config schema > /dev/full`, process.execPath, main]);
  let err = '';
  shell.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const [code] = (await once(shell, 'close')) as [number];
  expect(err).toMatch(/^the result cannot be written: .*no space left.*\n$/);
  expect(code).toBe(1);
});

describe('with a gateway that runs', () => {
  test('a station that is configured and never came is listed; one that is not is said to be unknown', async () => {
    const { gateway, admin } = await started('list');
    const list = new Run(['station', 'list', '--admin', admin, '-o', 'csv']);
    const known = new Run(['station', 'show', 'CP-1', '--admin', admin]);
    const unknown = new Run(['station', 'show', 'CP-9', '--admin', admin]);
    const followed = new Run(['station', 'tail', 'CP-9', '--admin', admin]);
    expect(await Promise.all([list.ended, known.ended, unknown.ended])).toEqual([0, 0, 1]);
    expect(list.out).toMatch(/^CP-1,no,/m);
    expect(unknown.err).toBe('Unknown station: No station CP-9 has ever connected and none is configured.\n');
    await until('it says so', () => followed.err.endsWith('none is configured. Waiting for it.\n'));
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
  });

  test('a second gateway on its journal is refused, and the first goes on', async () => {
    const { gateway, config } = await started('second');
    const second = new Run(['serve', '--config', config]);
    expect(await second.ended).toBe(1);
    expect(second.err).toMatch(/^storage: .* is in use by another process: stop it/);
    expect(gateway.child.exitCode).toBeNull();
  });

  test('a changed file with a mistake is refused on SIGHUP and what ran before still runs', async () => {
    const { gateway, config } = await started('hangup');
    const text = await readFile(join(folder, config), 'utf8');
    await writeFile(join(folder, config), text.replace('primary: old', 'primary: odl'));
    gateway.child.kill('SIGHUP');
    await until('it says so', () => gateway.err.includes('config_reload_refused'));
    expect(gateway.err).toContain('routes[0].primary: there is no backend \\"odl\\"; did you mean old?');
    await writeFile(join(folder, config), text);
    gateway.child.kill('SIGHUP');
    await until('it takes the mended one', () => gateway.err.includes('"event":"config_reloaded"'));
  });

  test('it outlives the reader of its log', async () => {
    const { gateway, admin } = await started('log');
    gateway.child.stderr.destroy();
    gateway.child.kill('SIGHUP');
    gateway.child.kill('SIGHUP');
    const list = new Run(['backend', 'list', '--admin', admin]);
    expect(await list.ended).toBe(0);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
  });
});
