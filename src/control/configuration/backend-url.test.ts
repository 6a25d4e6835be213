import { expect, test } from 'vitest';
import { backendUrl } from './backend-url.ts';

const template = (text: string): string | null => {
  const url = backendUrl(text);
  return url.ok ? url.value : null;
};

test('an address with {station} stays as it is', () => {
  for (const text of [
    'wss://a.example/ocpp/{station}',
    'ws://a:9301/{station}/ws',
    'wss://a/ocpp?id={station}',
    'ws://[::1]:80/{station}',
  ])
    expect(template(text)).toBe(text);
});

test('without {station} the identity becomes the last segment (OCPP-J 1.6 §3.1.1)', () => {
  expect(template('wss://a.example')).toBe('wss://a.example/{station}');
  expect(template('wss://a.example/')).toBe('wss://a.example/{station}');
  expect(template('wss://a.example/ocpp//')).toBe('wss://a.example/ocpp/{station}');
  expect(template('wss://a.example/ocpp?key=1')).toBe('wss://a.example/ocpp/{station}?key=1');
});

test('what is no WebSocket address is refused, and a password in it is not repeated', () => {
  const wrong = [
    '',
    'a.example',
    'https://a',
    'http://a',
    'ftp://a',
    'wss:',
    'wss://',
    'ws://a:0/',
    'ws://a:99999/',
    'ws://a/#x',
    'ws://a/#',
    'ws://a/{id}',
    'ws://a/{station',
    'ws://{station}.a/',
    'ws://a/b c',
    'ws://a\\b',
  ];
  expect(wrong.filter((text) => template(text) !== null)).toEqual([]);
  expect(JSON.stringify(backendUrl('wss://user:hunter2@a.example/'))).not.toContain('hunter2');
  expect(backendUrl('wss://user@a.example/')).toMatchObject({ ok: false });
});
