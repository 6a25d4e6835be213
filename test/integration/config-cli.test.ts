/** The command line from outside: verbs, exit codes, output. */
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { addBackendVerbs } from '../../src/cli/backend-verbs.ts';
import { addFramesVerbs } from '../../src/cli/frames-verbs.ts';
import type { CliIo } from '../../src/cli/io.ts';
import { outputFormats, printRows, rowPrinter, type Column } from '../../src/cli/output.ts';
import { createProgram, runProgram } from '../../src/cli/program.ts';
import { addStationVerbs } from '../../src/cli/station-verbs.ts';
import { publishedSchema } from '../../src/control/configuration/json-schema.ts';
import { configurationReader } from '../../src/app/configuration-reader.ts';
import { withFolder } from './config-folder.ts';

interface Run {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
  /** What the verbs from outside were called with. */
  readonly calls: readonly unknown[];
}

function collector(): { readonly stream: Writable; readonly text: () => string } {
  let text = '';
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  return { stream, text: () => text };
}

async function busbar(...args: readonly string[]): Promise<Run> {
  const out = collector();
  const err = collector();
  const calls: unknown[] = [];
  let code: number | null = null;
  const io: CliIo = {
    stdout: out.stream,
    stderr: err.stream,
    env: {},
    setExitCode: (value) => {
      code = value;
    },
  };
  const record = (exitCode: 0 | 3) => (options: unknown) => {
    calls.push(options);
    return Promise.resolve(exitCode);
  };
  const program = createProgram(io, '1.2.3', {
    serve: record(0),
    demo: record(3),
    simulateStations: record(0),
    simulateBackend: record(0),
    configuration: configurationReader,
    add: [addStationVerbs, addFramesVerbs, addBackendVerbs],
  });
  await runProgram(program, io, args);
  return { out: out.text(), err: err.text(), code, calls };
}

/** Runs a verb of `config` on the text. */
function withConfig(text: string, verb: string): Promise<Run> {
  return withFolder({ 'busbar.yaml': text }, (folder) =>
    busbar('config', verb, '--config', `${folder.path}/busbar.yaml`),
  );
}

describe('config', () => {
  const sound = 'backends:\n  old: { url: wss://old.example }\nstations: { known: { CP-1: } }\n';

  test('check says that a file is sound', async () => {
    expect(await withConfig(sound, 'check')).toMatchObject({
      out: 'ok: 1 backend, 1 route, 1 known station\n',
      err: '',
      code: null,
    });
  });

  test.each(['check', 'print'])('%s says what is wrong on stderr and ends with 2', async (verb) => {
    const { out, err, code } = await withConfig(
      'backends:\n  old: { url: http://old.example }\nsinks: []\n',
      verb,
    );
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /\/busbar\.yaml:2: backends\.old\.url: http:\/\/ is not WebSocket; write ws:\/\/$/,
      ),
      expect.stringMatching(/\/busbar\.yaml:3: sinks: not built yet: /),
    ]);
  });

  test('print prints YAML that means the same', async () => {
    const { out, code } = await withConfig(sound, 'print');
    expect(code).toBeNull();
    expect(parse(out)).toMatchObject({
      stations: { auth: 'none' },
      routes: [{ stations: '*', primary: 'old' }],
    });
    expect((await withConfig(out, 'print')).out).toBe(out);
  });

  test('schema prints the JSON Schema', async () => {
    expect(JSON.parse((await busbar('config', 'schema')).out)).toEqual(publishedSchema());
  });
});

describe('serve', () => {
  test('takes a file', async () => {
    expect(await busbar('serve', '--config', 'a.yaml')).toMatchObject({
      code: 0,
      calls: [{ from: 'file', config: 'a.yaml' }],
    });
  });

  test('takes backends, the first one first', async () => {
    const { calls } = await busbar(
      'serve',
      '--backend',
      'old=ws://a/{station}?x=1',
      '--backend',
      'new=ws://b',
    );
    expect(calls).toEqual([
      {
        from: 'backends',
        backends: [
          { name: 'old', url: 'ws://a/{station}?x=1' },
          { name: 'new', url: 'ws://b' },
        ],
        listen: null,
      },
    ]);
  });

  test.each([
    ['nothing', []],
    ['a file and a backend', ['--config', 'a.yaml', '--backend', 'old=ws://a']],
    ['a file and an address', ['--config', 'a.yaml', '--listen', '127.0.0.1:1']],
    ['an address alone', ['--listen', '127.0.0.1:1']],
    ['a backend without a name', ['--backend', 'ws://a']],
    ['a backend without an address', ['--backend', 'old=']],
  ])('refuses %s with exit code 2', async (_what, args) => {
    const { code, err, calls } = await busbar('serve', ...args);
    expect({ code, calls }).toEqual({ code: 2, calls: [] });
    expect(err).toMatch(/^error: /);
  });
});

describe('simulate', () => {
  test('hands on what was asked for', async () => {
    const stations = await busbar(
      'simulate',
      'stations',
      '--url',
      'ws://a',
      '--count',
      '5',
      '--versions',
      'ocpp2.1,ocpp1.6',
      '-o',
      'json',
      '--password-file',
      'p',
    );
    expect(stations.calls).toEqual([
      {
        url: 'ws://a',
        count: 5,
        versions: ['ocpp2.1', 'ocpp1.6'],
        prefix: 'SIM-',
        seed: 1,
        speed: 1,
        seconds: null,
        connectsPerSecond: 100,
        passwordFile: 'p',
        output: 'json',
      },
    ]);
    const backend = await busbar('simulate', 'backend', '--misbehave', 'hang=0.1', '--seconds', '5');
    expect(backend.calls).toMatchObject([
      { listen: '127.0.0.1:9301', misbehaviour: 'hang=0.1', seconds: 5, delayMs: 0 },
    ]);
  });

  test.each([['0'], ['1.5'], ['1e3'], ['-1'], ['x'], ['100001'], ['']])(
    'refuses to count to "%s"',
    async (count) => {
      expect(await busbar('simulate', 'stations', '--url', 'ws://a', '--count', count)).toMatchObject({
        code: 2,
        calls: [],
      });
    },
  );

  test('refuses a version that is none', async () => {
    const { code, err } = await busbar('simulate', 'backend', '--versions', 'ocpp1.6,ocpp2.0');
    expect(code).toBe(2);
    expect(err).toContain('"ocpp2.0" is none of ocpp1.6, ocpp2.0.1, ocpp2.1.');
  });
});

describe('the program', () => {
  test.each([[['--help']], [['serve', '--help']], [['--version']], [['help', 'serve']]])(
    '%j is done',
    async (args) => {
      const { code, out, err } = await busbar(...args);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).not.toBe('');
    },
  );

  test.each([
    [[]],
    [['nonsense']],
    [['config']],
    [['serve', '--nonsense']],
    [['config', 'check']],
    [['-o', 'xml', 'demo']],
    [['station', 'show']],
  ])('%j is wrong usage', async (args) => {
    const { code, out, err } = await busbar(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toBe('');
  });

  test('a verb’s exit code is the program’s', async () => {
    expect(await busbar('demo', '--once')).toMatchObject({ code: 3, calls: [{ once: true }] });
  });
});

describe('results', () => {
  const columns: readonly Column<{ name: string | null; value: number }>[] = [
    { title: 'name', valueOf: ({ name }) => name },
    { title: 'value', valueOf: ({ value }) => value },
  ];
  const rows = [
    { name: '=HYPERLINK("http://x")', value: -1 },
    { name: 'a\u001B[2Jb\u202E,"c"\n', value: 2 },
    { name: null, value: 3 },
    { name: '  +1', value: 4 },
    { name: '@a', value: 5 },
  ];
  const print = (format: (typeof outputFormats)[number], follow: boolean): string => {
    const out = collector();
    const io: CliIo = { stdout: out.stream, stderr: out.stream, env: {}, setExitCode: () => {} };
    if (follow) rows.forEach(rowPrinter(io, format, columns));
    else printRows(io, format, columns, rows);
    return out.text();
  };

  test.each([false, true])('as CSV hold no formula and no control character (followed: %s)', (follow) => {
    expect(print('csv', follow)).toBe(
      [
        'name,value',
        `"'=HYPERLINK(""http://x"")",-1`,
        '"a\\u001b[2Jb\\u202e,""c""\\u000a",2',
        ',3',
        `'  +1,4`,
        `'@a,5`,
        '',
      ].join('\n'),
    );
  });

  test('as a long table are as wide in every row, and all there', () => {
    const out = collector();
    const io: CliIo = { stdout: out.stream, stderr: out.stream, env: {}, setExitCode: () => {} };
    const many = Array.from({ length: 250 }, (_, value) => ({ name: 'n'.repeat(value % 17), value }));
    printRows(io, 'table', columns, many);
    const lines = out.text().trimEnd().split('\n');
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    const values = lines.flatMap((line) => /(\d+) +│$/.exec(line)?.[1] ?? []);
    expect(values.map(Number)).toEqual(many.map(({ value }) => value));
    expect(lines.filter((line) => line.includes('value'))).toHaveLength(1);
  });

  test('as JSON are the rows themselves', () => {
    expect(JSON.parse(print('json', false))).toEqual(rows);
    const lines = print('json', true).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows);
  });

  test.each([false, true])('as a table hold nothing that a terminal obeys (followed: %s)', (follow) => {
    const text = print('table', follow);
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain('=HYPERLINK("http://x")');
    expect(text).toContain('a\\u001b[2Jb\\u202e,"c"\\u000a');
  });
});
