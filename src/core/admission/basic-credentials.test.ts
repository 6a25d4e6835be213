import { expect, test } from 'vitest';
import { basicTokenOf, hexDecoded, isUser, splitCredentials } from './basic-credentials.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

test.each([
  [['Basic QTpi'], 'QTpi'],
  [['basic QTpi'], 'QTpi'],
  [['BASIC   QTpi  '], 'QTpi'],
  [['Basic QTpiYw=='], 'QTpiYw=='],
  [[], null],
  [['Basic QTpi', 'Basic QTpi'], null],
  [['Basic'], null],
  [['Basic '], null],
  [['Bearer QTpi'], null],
  [['BasicQTpi'], null],
  [['Basic QTpi QTpi'], null],
  [['Basic QTp'], null],
  [['Basic QT-_'], null],
  [['Basic ===='], null],
  [[`Basic ${'A'.repeat(2_000)}`], null],
])('of the Authorization headers %j the token is %j', (headers, token) => {
  expect(basicTokenOf(headers)).toBe(token);
});

test('credentials are split at the first colon, and the password is every octet after it', () => {
  expect(splitCredentials(bytes('CP-1:a:b\0\xff'))).toEqual({
    user: bytes('CP-1'),
    password: bytes('a:b\0\xff'),
  });
});

test.each([['no colon'], [':no user'], ['no password:'], [`a:${'x'.repeat(511)}`]])(
  '%j are no credentials',
  (text) => {
    expect(splitCredentials(bytes(text))).toBeNull();
  },
);

test('a user is the identity, octet for octet', () => {
  expect(isUser(bytes('CP-1'), 'CP-1')).toBe(true);
  for (const other of ['cp-1', 'CP-', 'CP-11', 'CP-1\0', ''])
    expect(isUser(bytes(other), 'CP-1')).toBe(false);
});

test.each([
  ['00ff3A', [0x00, 0xff, 0x3a]],
  ['', null],
  ['0', null],
  ['0g', null],
  ['@A', null],
  ['`a', null],
])('%j as hexadecimal digits is %j', (text, octets) => {
  expect(hexDecoded(bytes(text))).toEqual(octets === null ? null : Uint8Array.from(octets));
});
