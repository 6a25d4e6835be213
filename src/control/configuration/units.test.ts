import { expect, test } from 'vitest';
import { isLoopback, parseAddress, parseDuration, parseRate, parseSize } from './units.ts';

const value = (text: string, parse: (text: string) => { ok: boolean; value?: unknown }): unknown =>
  parse(text).value;

function hint(text: string): unknown {
  const parsed = parseDuration(text);
  return parsed.ok ? null : parsed.fault.hint;
}

test('durations are whole numbers of one unit', () => {
  const read = ['1ms', '30s', '5min', '2h', '400d', '0s'].map((text) => value(text, parseDuration));
  expect(read).toEqual([1, 30_000, 300_000, 7_200_000, 34_560_000_000, 0]);
  for (const text of [
    '',
    '30',
    's',
    '1.5s',
    '-1s',
    '1 s',
    '1h30min',
    '1e3s',
    '1S',
    '0x1s',
    '٣s',
    '1constructor',
    '9999999999999d',
  ])
    expect(parseDuration(text), text).toMatchObject({ ok: false });
});

test('what was probably meant is said', () => {
  expect(['5m', '5S', '5MIN', '5 s'].map(hint)).toEqual([
    'did you mean 5min?',
    'did you mean 5s?',
    'did you mean 5min?',
    null,
  ]);
  expect(parseSize('1kb')).toMatchObject({ fault: { hint: 'did you mean 1KiB?' } });
});

test('sizes are binary', () => {
  const read = ['4096B', '128KiB', '1MiB', '20GiB', '1TiB'].map((text) => value(text, parseSize));
  expect(read).toEqual([4096, 131_072, 1_048_576, 21_474_836_480, 1_099_511_627_776]);
  for (const text of ['1KB', '1', '1kib', '0.5MiB', '9999999TiB'])
    expect(parseSize(text), text).toMatchObject({ ok: false });
});

test('rates are per second, minute or hour, and never zero', () => {
  expect(['5/s', '120/min', '3600/h', 'unlimited'].map((text) => value(text, parseRate))).toEqual([
    5,
    2,
    1,
    Infinity,
  ]);
  for (const text of ['5', '5/m', '0/s', '5 /s', '/s', 'none'])
    expect(parseRate(text), text).toMatchObject({ ok: false });
});

test('addresses are a host and a port', () => {
  const read = ['127.0.0.1:9220', '[::1]:0', '[fe80::1%eth0]:80', 'gateway.local:65535', 'a_b:1'];
  expect(read.map((text) => value(text, parseAddress))).toEqual([
    { host: '127.0.0.1', port: 9220 },
    { host: '::1', port: 0 },
    { host: 'fe80::1%eth0', port: 80 },
    { host: 'gateway.local', port: 65_535 },
    { host: 'a_b', port: 1 },
  ]);
  const wrong = [
    '',
    ':1',
    'a',
    'a:',
    'a:65536',
    '1.2.3:1',
    '1.2.3.256:1',
    '01.2.3.4:1',
    '::1:80',
    '[::1]',
    '[]:1',
    '[::g]:1',
    '[1.2.3.4]:1',
    'a b:1',
    '-a:1',
    'a..b:1',
    'http://a:1',
    'a:1/x',
    '*:80',
  ];
  for (const text of wrong) expect(parseAddress(text), text).toMatchObject({ ok: false });
});

test('only this machine reaches loopback', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST'].every(isLoopback)).toBe(true);
  expect(
    ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'localhost.example', '127.example'].some(isLoopback),
  ).toBe(false);
});
