import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addBackendVerbs } from '../../src/cli/backend-verbs.ts';
import { addDeliveryVerbs } from '../../src/cli/delivery-verbs.ts';
import { addFramesVerbs } from '../../src/cli/frames-verbs.ts';
import { addMigrationVerbs } from '../../src/cli/migration-verbs.ts';
import { addStationVerbs } from '../../src/cli/station-verbs.ts';
import type { StationCommand } from '../../src/ports/station-commander.ts';
import { createTestJournal, heartbeat, startWorld, tokens, tokenSettings, type World } from './api-world.ts';
import { runVerbs, type VerbsGiven, type VerbsRun } from './cli-verbs-run.ts';

const noPlans = { read: () => Promise.resolve({ ok: false as const, fault: [] }) };

/** All of them in one program, as they ship. */
const busbar = (args: readonly string[], given?: VerbsGiven): Promise<VerbsRun> =>
  runVerbs(
    [addStationVerbs, addFramesVerbs, addBackendVerbs, addDeliveryVerbs, addMigrationVerbs(noPlans)],
    args,
    given,
  );

let world: World;
let admin: readonly string[];
beforeAll(async () => {
  world = await startWorld();
  admin = ['--admin', world.api.url];
  await world.journal.commit(
    ...Array.from({ length: 5 }, (_, serial) => heartbeat(`CP-${serial % 2}`, serial)),
  );
});
afterAll(() => world.api.close());

const variable = (name: string): string =>
  `{"setVariableData":[{"attributeValue":"0000","component":{"name":"Net"},"variable":{"name":"${name}"}}]}`;

describe('station list', () => {
  test('is a table of stations by identity', async () => {
    const { out, err, code } = await busbar(['station', 'list', ...admin]);
    expect([code, err]).toEqual([0, '']);
    const lines = out.split('\n').filter((line) => line.includes('CP-'));
    expect(lines.map((line) => /CP-\d/.exec(line)?.[0])).toEqual(['CP-1', 'CP-2', 'CP-3']);
    expect(lines[0]).toMatch(/yes.*ocpp1\.6.*ABB.*Terra 54.*1\.8\.2.*berlin.*old/);
  });

  test('is JSON with -o json, wherever the option stands', async () => {
    const after = await busbar(['station', 'list', ...admin, '-o', 'json']);
    const before = await busbar(['-o', 'json', 'station', 'list', ...admin]);
    expect(JSON.parse(after.out)).toMatchObject([{ id: 'CP-1' }, { id: 'CP-2' }, { id: 'CP-3' }]);
    expect(before.out).toBe(after.out);
  });

  test('is CSV with -o csv', async () => {
    const { out } = await busbar(['station', 'list', ...admin, '-o', 'csv']);
    expect(out.split('\n')[0]).toBe(
      'station,connected,version,vendor,model,firmware,group,primary,last seen',
    );
    expect(out).toContain('CP-2,no,,,,,,new,\n');
  });

  test.each([
    [['--connected'], ['CP-1', 'CP-3']],
    [['--disconnected'], ['CP-2']],
    [['--backend', 'new'], ['CP-2']],
    [['--group', 'berlin'], ['CP-1']],
    [['--vendor', 'Alf*'], ['CP-3']],
    [['--search', 'terra'], ['CP-1']],
  ])('with %j gives %j', async (filter, expected) => {
    const { out } = await busbar(['station', 'list', ...filter, ...admin, '-o', 'json']);
    expect((JSON.parse(out) as { id: string }[]).map(({ id }) => id)).toEqual(expected);
  });
});

describe('station show', () => {
  test('gives the station and its links', async () => {
    const { out } = await busbar(['station', 'show', 'CP-2', ...admin]);
    expect(out).toMatch(/primary\s.*new/);
    expect(out).toMatch(/new.*primary.*idle.*3/);
    expect(out).toMatch(/new.*connect_failed: ECONNREFUSED/);
    expect(JSON.parse((await busbar(['station', 'show', 'CP-2', ...admin, '-o', 'json'])).out)).toMatchObject(
      { id: 'CP-2', connected: false },
    );
  });

  test('fits into 100 columns, whatever backends are called and say', async () => {
    const { out } = await busbar(['station', 'show', 'CP-4', ...admin]);
    const lines = out.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    for (const part of [
      'primary',
      'observer',
      'priming',
      '+6.2 s',
      '-0.4 s',
      '1073741824',
      'RemoteStart',
      'operator',
    ])
      expect(out).toContain(part);
    // What does not fit is broken, not cut.
    expect(out.replaceAll(/[^x]/g, '').length).toBeGreaterThanOrEqual(200);
  });

  test('of what is no identity says so without the words of the API', async () => {
    const { err, code } = await busbar(['station', 'show', 'CP 9', ...admin]);
    expect([err, code]).toEqual([
      'The request is invalid: id may hold letters, digits and * - _ = + | @ . only\n',
      1,
    ]);
  });

  test('of an unknown station says so and fails', async () => {
    const { out, err, code } = await busbar(['station', 'show', 'CP-9', ...admin]);
    expect([out, code]).toEqual(['', 1]);
    expect(err).toBe('Unknown station: No station CP-9 has ever connected and none is configured.\n');
  });
});

describe('station command', () => {
  let sent: StationCommand[] = [];
  beforeEach(() => {
    sent = [];
    world.command = (command) => {
      sent.push(command);
      return Promise.resolve({ kind: 'result', payload: '{"status":"Accepted","list":[1,2]}' });
    };
  });
  const trigger = ['station', 'command', 'CP-1', 'TriggerMessage', '{"requestedMessage":"Heartbeat"}'];

  test('prints the answer as a table, as JSON or as CSV', async () => {
    const { out, err, code } = await busbar([...trigger, ...admin]);
    expect([err, code]).toEqual(['', 0]);
    expect(out).toMatch(/status.*Accepted/);
    expect(out).toMatch(/list.*\[1,2\]/);
    expect(JSON.parse((await busbar([...trigger, ...admin, '-o', 'json'])).out)).toEqual({
      status: 'Accepted',
      list: [1, 2],
    });
    expect((await busbar([...trigger, ...admin, '-o', 'csv'])).out).toBe(
      'field,value\nstatus,Accepted\nlist,"[1,2]"\n',
    );
    expect(sent[0]).toEqual({
      station: 'CP-1',
      action: 'TriggerMessage',
      payload: '{"requestedMessage":"Heartbeat"}',
    });
  });

  test('takes its payload from stdin, and none for {}', async () => {
    const stdin = { text: '{"key":["a"]}', isTTY: false };
    await busbar(['station', 'command', 'CP-1', 'GetConfiguration', '-', ...admin], { stdin });
    await busbar(['station', 'command', 'CP-1', 'GetLocalListVersion', ...admin]);
    expect(sent.map(({ payload }) => payload)).toEqual(['{"key":["a"]}', '{}']);
  });

  test.each(['Soft', '"Soft"', '[]', 'null', ''])('with %j for a payload is wrong usage', async (payload) => {
    const { err, code } = await busbar(['station', 'command', 'CP-1', 'Reset', payload, '--yes', ...admin]);
    expect([code, sent]).toEqual([2, []]);
    expect(err).toContain('write the payload as a JSON object');
  });

  test.each([
    ['y\n', 0, 1],
    ['YES\n', 0, 1],
    ['n\n', 1, 0],
    ['\n', 1, 0],
    ['', 1, 0],
  ])('that stops charging asks a person, who says %j', async (text, code, count) => {
    const stdin = { text, isTTY: true };
    const run = await busbar(['station', 'command', 'CP-1', 'Reset', '{"type":"Hard"}', ...admin], { stdin });
    expect(run.err).toContain('Reset can stop charging or take CP-1 out of service. Send it? [y/N]');
    expect([run.code, sent.length]).toEqual([code, count]);
  });

  test('that stops charging asks nobody where nobody is, and wants --yes', async () => {
    const reset = ['station', 'command', 'CP-1', 'Reset', '{"type":"Hard"}', ...admin];
    const { err, code } = await busbar(reset, { stdin: { text: 'y\n', isTTY: false } });
    expect([err, code]).toEqual([
      'Reset can stop charging or take CP-1 out of service; add --yes if that is meant\n',
      2,
    ]);
    expect((await busbar([...reset, '--yes', '--reason', 'frozen'])).code).toBe(0);
    expect(sent).toHaveLength(1);
  });

  const secret = 'gives CP-1 a secret, and a wrong one can lock somebody out';
  const connects = 'can change how CP-1 connects, and lose it for good';
  test.each([
    ['ChangeConfiguration', '{"key":"AdminPassword","value":"0000"}', secret],
    ['ChangeConfiguration', '{"key":"CentralSystemURL","value":"wss://new.example"}', connects],
    ['ChangeConfiguration', '{"key":"AuthorizationKey","value":"00"}', connects],
    ['SetVariables', variable('MenuPassword'), secret],
    ['SetVariables', variable('BasicAuthPassword'), connects],
  ])('that gives it a secret or changes how it connects asks too: %s %s', async (action, payload, risk) => {
    const write = ['station', 'command', 'CP-1', action, payload, ...admin];
    const { err, code } = await busbar(write);
    expect([err, code, sent.length]).toEqual([`${action} ${risk}; add --yes if that is meant\n`, 2, 0]);
    const harmless = payload.replace(/"(key|name)":"(?!Net)\w+"/, '"$1":"Volume"').replace('wss://', '');
    expect((await busbar(['station', 'command', 'CP-1', action, harmless, ...admin])).code).toBe(0);
  });

  test.each([
    ['{"status":"Rejected"}', 'Rejected'],
    ['{"status":"UnlockFailed"}', 'UnlockFailed'],
    [
      '{"setVariableResult":[{"attributeStatus":"Accepted"},{"attributeStatus":"UnknownVariable"}]}',
      'UnknownVariable',
    ],
  ])('that the station says no to fails, and prints the answer: %s', async (payload, word) => {
    world.command = () => Promise.resolve({ kind: 'result', payload });
    const { out, err, code } = await busbar([...trigger, ...admin, '-o', 'json']);
    expect(JSON.parse(out)).toEqual(JSON.parse(payload));
    expect([err, code]).toEqual([`CP-1 did not do it: it answered ${word}\n`, 1]);
  });

  test.each([
    '{"status":"Scheduled"}',
    '{"status":"RebootRequired"}',
    '{"configurationKey":[{"key":"status","readonly":true}],"unknownKey":["x"]}',
  ])('that the station says yes to is done: %s', async (payload) => {
    world.command = () => Promise.resolve({ kind: 'result', payload });
    expect(await busbar([...trigger, ...admin])).toMatchObject({ err: '', code: 0 });
  });

  test('that the station answers with an error, or that Busbar refuses, fails with the reason', async () => {
    world.command = () => Promise.resolve({ kind: 'error', code: 'NotSupported', description: 'no such' });
    expect(await busbar([...trigger, ...admin])).toEqual({
      out: '',
      err: 'The station answered with an error: The station answered NotSupported: no such.\n',
      code: 1,
    });
    world.command = () => Promise.resolve({ kind: 'error', code: 'NotSupported', description: 'No such.' });
    expect((await busbar([...trigger, ...admin])).err).toMatch(/NotSupported: No such\.\n$/);
    world.command = () =>
      Promise.resolve({ kind: 'refused', reason: 'not_connected', detail: 'It is away.' });
    expect((await busbar([...trigger, ...admin])).err).toBe('The station is not connected: It is away.\n');
  });
});

test('backend list gives every backend and its links', async () => {
  const { out } = await busbar(['backend', 'list', ...admin, '-o', 'csv']);
  expect(out.split('\n')[1]).toBe(
    'old,wss://csms.old.example/ocpp/{station},ocpp1.6 ocpp2.0.1,3,2,0,1,2,1,7,',
  );
});

describe('frames tail', () => {
  test('prints one line a frame', async () => {
    const { out, code } = await busbar(['frames', 'tail', '--all', '--count', '2', ...admin]);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      [
        '2023-11-14T22:13:20.000Z',
        'CP-0',
        'station',
        'in',
        'call',
        'Heartbeat',
        'id-0',
        '[2,"id-0","Heartbeat",{}]',
      ],
      [
        '2023-11-14T22:13:20.000Z',
        'CP-0',
        'backend:old',
        'out',
        'call',
        'Heartbeat',
        'x-0',
        '[2,"x-0","Heartbeat",{}]',
      ],
      [''],
    ]);
  });

  test('of one station prints only its frames, as station tail does', async () => {
    const frames = await busbar([
      'frames',
      'tail',
      '--all',
      '--count',
      '4',
      '--station',
      'CP-1',
      ...admin,
      '-o',
      'json',
    ]);
    const station = await busbar([
      'station',
      'tail',
      'CP-1',
      '--all',
      '--count',
      '4',
      ...admin,
      '-o',
      'json',
    ]);
    const lines = frames.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { station: string; position: number });
    expect(lines.map(({ station: id, position }) => [id, position])).toEqual([
      ['CP-1', 3],
      ['CP-1', 4],
      ['CP-1', 7],
      ['CP-1', 8],
    ]);
    expect(station.out).toBe(frames.out);
  });

  test('begins with now, and ends when it is told to', async () => {
    await until(() => world.journal.listenerCount === 0);
    const stop = new AbortController();
    let running: VerbsRun = { out: '', err: '', code: 0 };
    const ended = busbar(['frames', 'tail', ...admin, '-o', 'csv'], {
      signal: stop.signal,
      onRun: (run) => (running = run),
    });
    await until(() => world.journal.listenerCount === 1);
    await world.journal.commit(heartbeat('CP-7', 70));
    await until(() => running.out.includes('x-70'));
    stop.abort();
    const { out, code } = await ended;
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(3);
    expect(out).not.toContain('CP-0');
  });

  test('shows what a hostile station wrote without obeying it, and cuts it', async () => {
    const evil = await startWorld();
    const attack = '\u001b[2J\u001b]0;owned\u0007\r\u009b31m\u202e';
    const record = heartbeat('CP-1', 1);
    await evil.journal.commit({
      ...record,
      action: attack,
      text: `${record.text}${attack}${'x'.repeat(500)}`,
    });
    const args = ['--all', '--count', '1', '--admin', evil.api.url];
    const table = await busbar(['frames', 'tail', ...args]);
    const full = await busbar(['frames', 'tail', '--full', ...args]);
    const json = await busbar(['frames', 'tail', ...args, '-o', 'json']);
    const csv = await busbar(['frames', 'tail', ...args, '-o', 'csv']);
    await evil.api.close();
    for (const { out } of [table, full, json, csv])
      // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
      expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(table.out.split('\n')).toHaveLength(2);
    expect(table.out.length).toBeLessThan(500);
    expect(full.out).toContain('x'.repeat(500));
    expect((JSON.parse(json.out) as { action: string }).action).toBe(attack);
  });

  test('goes on after the gateway was restarted, says so on stderr, and prints every frame once', async () => {
    const journal = createTestJournal();
    const first = await startWorld({ journal });
    await journal.commit(...Array.from({ length: 10 }, (_, index) => heartbeat('CP-1', 0 + index)));
    let running: VerbsRun = { out: '', err: '', code: 0 };
    const args = ['frames', 'tail', '--all', '--count', '40', '--admin', first.api.url, '-o', 'json'];
    const ended = busbar(args, { onRun: (run) => (running = run) });
    await until(() => running.out.includes('"position":20'));
    await first.api.close();
    await journal.commit(...Array.from({ length: 10 }, (_, index) => heartbeat('CP-1', 10 + index)));
    const second = await startWorld({ journal, port: first.api.port });
    const { out, err, code } = await ended;
    await second.api.close();
    const positions = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { position: number }).position);
    expect(positions).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(code).toBe(0);
    expect(err).toMatch(/^Busbar cannot be reached at .* Trying again\.\n$/);
  });
});

describe('which gateway, and with which token', () => {
  let guarded: World;
  let folder: string;
  beforeAll(async () => {
    guarded = await startWorld({ tokens: tokenSettings });
    folder = await mkdtemp(join(tmpdir(), 'busbar-cli-'));
    await writeFile(join(folder, 'token'), `${tokens.viewer}\n`);
    await writeFile(join(folder, 'empty'), '\n');
  });
  afterAll(async () => {
    await guarded.api.close();
    await rm(folder, { recursive: true });
  });

  test('the token comes from a file or the environment', async () => {
    const args = ['backend', 'list', '--admin', guarded.api.url];
    expect((await busbar([...args, '--token-file', join(folder, 'token')])).code).toBe(0);
    expect((await busbar(args, { env: { BUSBAR_TOKEN: tokens.viewer } })).code).toBe(0);
    const without = await busbar(args);
    expect(without).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(
        /^No valid token: name the file .* with --token-file, or put it into BUSBAR_TOKEN\.$/m,
      ) as string,
    });
  });

  test.each([
    [['--token-file', '/nowhere/token'], '--token-file /nowhere/token: there is no such file'],
    [['--admin', 'localhost:9221'], '--admin localhost:9221: write an address such as http://127.0.0.1:9221'],
    [['--admin', 'http://127.0.0.1:9221/busbar'], 'write the address without a path'],
    [['--count', '0'], 'A whole number from 1 is needed.'],
    [['--output', 'xml'], 'Allowed choices are table, json, csv'],
  ])('%j is wrong usage, exit code 2', async (args, message) => {
    const { err, code } = await busbar(['frames', 'tail', ...args]);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  test('an address with a password is refused, and the password not repeated', async () => {
    const { err, code } = await busbar(['backend', 'list', '--admin', 'http://me:hunter2@127.0.0.1:9221']);
    expect([code, err]).toEqual([2, expect.stringContaining('--token-file')]);
    expect(err).not.toContain('hunter2');
  });

  test('an empty token file, and a token that no header can carry, are wrong usage', async () => {
    expect(await busbar(['backend', 'list', '--token-file', join(folder, 'empty')])).toMatchObject({
      code: 2,
    });
    expect(await busbar(['backend', 'list'], { env: { BUSBAR_TOKEN: 'a b' } })).toMatchObject({ code: 2 });
  });

  test('a gateway that is not there is said in a sentence, exit code 1', async () => {
    const gone = await startWorld();
    await gone.api.close();
    for (const args of [
      ['station', 'list'],
      ['frames', 'tail'],
    ]) {
      const { err, code } = await busbar([...args, '--admin', gone.api.url]);
      expect(code).toBe(1);
      expect(err).toBe(
        `Busbar cannot be reached at ${gone.api.url} (ECONNREFUSED); is it running, and is this its admin address?\n`,
      );
    }
  });
});

test.each([
  ['http', 'it closed the connection without an answer'],
  ['https', 'it does not speak TLS there: Busbar’s own admin port is http://'],
])('an address that is something else’s says why, by %s', async (scheme, why) => {
  const server = createServer((socket) =>
    socket.once('data', () => void socket.end(scheme === 'https' ? 'hello' : '')),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { err } = await busbar(['station', 'list', '--admin', `${scheme}://127.0.0.1:${port}`]);
  server.close();
  expect(err).toBe(
    `Busbar cannot be reached at ${scheme}://127.0.0.1:${port} (${why}); is it running, and is this its admin address?\n`,
  );
});

test('every verb’s help has an example', async () => {
  for (const args of [
    ['station', 'list'],
    ['station', 'show'],
    ['station', 'tail'],
    ['frames', 'tail'],
    ['backend', 'list'],
    ['delivery', 'list'],
    ['delivery', 'show'],
    ['delivery', 'retry'],
    ['delivery', 'drop'],
    ['delivery', 'export'],
  ]) {
    const { out, code } = await busbar([...args, '--help']);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(new RegExp(`Examples?:\\n  \\$ busbar ${args.join(' ')}`)),
    ]);
  }
});

test('help says which options cannot be left out, and what exit codes mean', async () => {
  const needed = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { out } = await busbar([...args, '--help']);
    return out
      .replaceAll(/\n {3,}/g, ' ')
      .split('\n')
      .filter((line) => line.includes('(needed'))
      .map((line) => /--\S+/.exec(line)?.[0] ?? line);
  };
  expect(await needed('delivery', 'drop')).toEqual(['--reason']);
  expect(await needed('delivery', 'retry')).toEqual([]);
  expect(await needed('station', 'move')).toEqual(['--to', '--reason']);
  expect(await needed('migration', 'plan')).toEqual(['--from', '--to']);
  expect(await needed('migration', 'rollback')).toEqual(['--reason']);
  expect(await needed('migration', 'pause')).toEqual([]);
  expect((await busbar(['migration', 'start', '--help'])).out).toMatch(/needed\s+with\s+--wave/);
  expect((await busbar(['--help'])).out).toContain('Exit codes: 0 done, 1 failed');
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true in time');
    await setImmediate();
  }
}
