import { expect, test } from 'vitest';
import type { Log, LogFields } from '../../ports/log.ts';
import { createLog, fieldCharactersMax, type LogLevel } from './log.ts';

function logInto(lines: string[], level: LogLevel = 'debug'): Log {
  return createLog({ level, destination: { write: (line) => lines.push(line) } });
}

function lineOf(fields: LogFields): Record<string, unknown> {
  const lines: string[] = [];
  logInto(lines).info('started', fields);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

test('an event is one JSON line with its time, level, name and fields', () => {
  const { time, ...rest } = lineOf({
    station: 'CP-1',
    attempts: 3,
    isLast: false,
    backend: null,
    gone: undefined,
  });
  expect(rest).toEqual({
    level: 'info',
    event: 'started',
    station: 'CP-1',
    attempts: 3,
    isLast: false,
    backend: null,
  });
  expect(new Date(time as string).toISOString()).toBe(time);
  expect(Math.abs(Date.parse(time as string) - Date.now())).toBeLessThan(10_000);
});

test('each level writes at its own and above', () => {
  for (const [level, expected] of [
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['silent', []],
  ] as const) {
    const lines: string[] = [];
    const log = logInto(lines, level);
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log[name]('started');
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected);
  }
});

test.each([
  'password',
  'Password',
  'db_password',
  'passphrase',
  'authorization',
  'Authorization',
  'token',
  'accessToken',
  'idToken',
  'idTag',
  'id_tag',
  'parentIdTag',
  'secret',
  'clientSecret',
  'credential',
  'credentials',
  'cookie',
  'key',
  'api_key',
  'privateKey',
  'X-Api-Key',
])('the field %s is masked', (name) => {
  expect(lineOf({ [name]: 'hunter2' })[name]).toBe('***');
});

test.each(['station', 'reason', 'by', 'keyPath', 'monkey', 'peer', 'path'])('the field %s is not', (name) => {
  expect(lineOf({ [name]: 'value' })[name]).toBe('value');
});

test('an absent secret shows as absent', () => {
  expect(lineOf({ token: null, password: '' })).toMatchObject({ token: null, password: '' });
});

test('a forged line, an escape sequence and a turned direction stay harmless text', () => {
  const lines: string[] = [];
  logInto(lines).warn('started', {
    detail: 'a\r\n{"event":"forged"}\u001b[2J\u009b31m\u2028\u202eb',
    ['x\u001b[2J\n']: 'y',
  });
  expect(lines).toHaveLength(1);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  expect(lines[0]?.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
  const { detail } = JSON.parse(lines[0] ?? '') as { detail: string };
  expect(detail).toBe('a\ufffd\n{"event":"forged"}\ufffd[2J\ufffd31m\ufffd\ufffdb');
});

test('a long field is cut and says so', () => {
  const { detail } = lineOf({ detail: 'x'.repeat(5_000) }) as { detail: string };
  expect(detail).toBe(`${'x'.repeat(fieldCharactersMax)}…`);
});

test('a field cannot take the place of the line’s own', () => {
  expect(lineOf({ event: 'forged', level: 'error', time: 'never' })).toMatchObject({
    event: 'started',
    level: 'info',
    event_: 'forged',
    level_: 'error',
    time_: 'never',
  });
});
