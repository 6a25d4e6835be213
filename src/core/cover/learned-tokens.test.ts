import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { learnTokens, openGroup, sealGroup, tokenKey } from './learned-tokens.ts';

const now = Date.parse('2026-11-24T12:00:00Z');
const digest = (text: string) =>
  createHmac('sha256', 'a key of the site').update(text).digest('hex').slice(0, 32);

function learn(version: Parameters<typeof learnTokens>[0], action: string, call: object, result: object) {
  return learnTokens(version, action, JSON.stringify(call), JSON.stringify(result), now);
}

const rfid = { idToken: { idToken: 'AbCd', type: 'ISO14443' } };

test('1.6 teaches status, parent and expiry, by Authorize, StartTransaction and StopTransaction', () => {
  const idTagInfo = { status: 'Accepted', parentIdTag: 'Fleet', expiryDate: '2026-11-25T12:00:00Z' };
  const lesson = {
    token: 'abcd',
    learned: { status: 'Accepted', group: '"Fleet"', expiresAt: now + 86_400_000, learnedAt: now },
  };
  for (const action of ['Authorize', 'StartTransaction', 'StopTransaction'])
    expect(learn('ocpp1.6', action, { idTag: 'AbCd' }, { transactionId: 1, idTagInfo })).toEqual(lesson);
});

test('2.x teaches the same, by Authorize and TransactionEvent, of type and value', () => {
  const groupIdToken = { idToken: 'Fleet', type: 'Central' };
  const idTokenInfo = { status: 'Accepted', groupIdToken, cacheExpiryDateTime: '2026-11-24T12:00:01Z' };
  const learned = {
    status: 'Accepted',
    group: JSON.stringify(groupIdToken),
    expiresAt: now + 1_000,
    learnedAt: now,
  };
  for (const version of ['ocpp2.0.1', 'ocpp2.1'] as const)
    for (const action of ['Authorize', 'TransactionEvent'])
      expect(learn(version, action, rfid, { idTokenInfo })).toEqual({ token: 'iso14443:abcd', learned });
});

test('the same value of another type is another token, and additionalInfo makes none', () => {
  const result = { idTokenInfo: { status: 'Accepted' } };
  const other = { idToken: { ...rfid.idToken, type: 'KeyCode', additionalInfo: [] } };
  expect(learn('ocpp2.1', 'Authorize', other, result)?.token).toBe('keycode:abcd');
});

test('a refusal is learned as it was said', () => {
  const refused = learn('ocpp2.1', 'Authorize', rfid, { idTokenInfo: { status: 'NoCredit' } });
  expect(refused?.learned).toEqual({ status: 'NoCredit', group: null, expiresAt: null, learnedAt: now });
});

test('that a token is in use already says nothing of the token', () => {
  const status = 'ConcurrentTx';
  expect(learn('ocpp1.6', 'StartTransaction', { idTag: 'a' }, { idTagInfo: { status } })).toBeNull();
  expect(learn('ocpp2.1', 'TransactionEvent', rfid, { idTokenInfo: { status } })).toBeNull();
});

test.each([
  ['Accepted', 'Accepted', 'Accepted'],
  ['Accepted', 'CertificateRevoked', 'Invalid'],
  ['Blocked', 'ContractCancelled', 'Blocked'],
])('a contract whose token is %s and whose certificate is %s is %s', (status, certificateStatus, learned) => {
  const call = { idToken: { idToken: 'DE8AA1', type: 'eMAID' } };
  const said = learn('ocpp2.1', 'Authorize', call, { idTokenInfo: { status }, certificateStatus });
  expect(said?.learned.status).toBe(learned);
});

test('nothing is learned where nothing is said, or not clearly', () => {
  const info = { idTagInfo: { status: 'Accepted' } };
  expect(learn('ocpp1.6', 'StopTransaction', { idTag: 'a' }, {})).toBeNull();
  expect(learn('ocpp1.6', 'StopTransaction', {}, info)).toBeNull();
  expect(learn('ocpp1.6', 'MeterValues', { idTag: 'a' }, info)).toBeNull();
  expect(learn('ocpp1.6', 'TransactionEvent', { idTag: 'a' }, info)).toBeNull();
  expect(learn('ocpp1.6', 'Authorize', { idTag: 'a'.repeat(256) }, info)).toBeNull();
  expect(learn('ocpp1.6', 'Authorize', { idTag: 7 }, info)).toBeNull();
  expect(learn('ocpp1.6', 'Authorize', { idTag: 'a' }, { idTagInfo: { status: 1 } })).toBeNull();
  expect(learn('ocpp2.1', 'TransactionEvent', rfid, {})).toBeNull();
  expect(learn('ocpp2.1', 'TransactionEvent', { idToken: { idToken: 'a' } }, { idTokenInfo: 1 })).toBeNull();
  const twice = '{"idTag":"a","idTag":"b"}';
  expect(learnTokens('ocpp1.6', 'Authorize', twice, JSON.stringify(info), now)).toBeNull();
  const both = '{"idTagInfo":{"status":"Accepted","status":"Blocked"}}';
  expect(learnTokens('ocpp1.6', 'Authorize', '{"idTag":"a"}', both, now)).toBeNull();
  expect(learnTokens('ocpp1.6', 'Authorize', 'no JSON', '{"idTagInfo"', now)).toBeNull();
});

test('an answer whose names are written with escapes teaches too', () => {
  const result = String.raw`{"\u0069dTagInfo":{"status":"Blocked"}}`;
  expect(learnTokens('ocpp1.6', 'Authorize', '{"idTag":"a"}', result, now)?.learned.status).toBe('Blocked');
});

test('an acceptance for single EVSEs opens none, an end that cannot be read has come', () => {
  const someEvses = { idTokenInfo: { status: 'Accepted', evseId: [1] } };
  expect(learn('ocpp2.0.1', 'Authorize', rfid, someEvses)?.learned.status).toBe('Unknown');
  for (const expiryDate of ['tomorrow', 7, ''])
    expect(
      learn('ocpp1.6', 'Authorize', { idTag: 'a' }, { idTagInfo: { status: 'Accepted', expiryDate } })
        ?.learned.expiresAt,
    ).toBe(now);
});

test('a group that is none is left out', () => {
  for (const parentIdTag of ['', 7, null, { idToken: 'x', type: 'Central' }])
    expect(
      learn('ocpp1.6', 'Authorize', { idTag: 'a' }, { idTagInfo: { status: 'Accepted', parentIdTag } })
        ?.learned.group,
    ).toBeNull();
  for (const groupIdToken of ['x', { idToken: 'x' }, { idToken: 'x'.repeat(3_000), type: 'Central' }])
    expect(
      learn('ocpp2.1', 'Authorize', rfid, { idTokenInfo: { status: 'Accepted', groupIdToken } })?.learned
        .group,
    ).toBeNull();
});

test('a seal opens with the token that made it, and with no other', () => {
  for (const group of ['', '"Fleet"', '{"idToken":"充电🔌","type":"Central"}', 'x'.repeat(500), '\ud800']) {
    const sealed = sealGroup(group, 'iso14443:abcd', digest);
    expect(openGroup(sealed, 'iso14443:abcd', digest)).toBe(group);
    expect(openGroup(sealed, 'iso14443:abce', digest)).toBeNull();
    expect(openGroup(sealed, 'iso14443:abcd', (text) => digest(`other key${text}`))).toBeNull();
  }
});

test('a seal shows neither token nor group, and the same group under two tokens is two texts', () => {
  const sealed = sealGroup('"Fleet"', 'abcd', digest);
  expect(sealed).toMatch(/^[0-9a-f]+$/);
  expect(sealed).not.toContain(Buffer.from('Fleet').toString('hex'));
  expect(sealed).not.toContain(Buffer.from('Fleet', 'utf16le').swap16().toString('hex'));
  const other = sealGroup('"Fleet"', 'abce', digest);
  for (let at = 0; at + 8 <= sealed.length; at += 8)
    expect(other.slice(at, at + 8)).not.toBe(sealed.slice(at, at + 8));
});

test('two groups of one token are not under one keystream', () => {
  const [first, second] = ['"Fleet A"', '"Fleet B"'].map((group) =>
    sealGroup(group, 'abcd', digest).slice(32),
  );
  expect(first?.slice(0, 24)).not.toBe(second?.slice(0, 24));
});

test('a seal that was changed does not open', () => {
  const sealed = sealGroup('"Fleet"', 'abcd', digest);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = `${sealed.slice(0, at)}${sealed[at] === '0' ? '1' : '0'}${sealed.slice(at + 1)}`;
    expect(openGroup(changed, 'abcd', digest)).toBeNull();
  }
  for (const text of ['', 'ab', sealed.slice(0, -4), sealed.slice(0, -1), sealed.toUpperCase(), '"Fleet"'])
    expect(openGroup(text, 'abcd', digest)).toBeNull();
});

test('a token is kept under a key that depends on its backend and does not show it', () => {
  const key = tokenKey('north', 'abcd', digest);
  expect(key).toMatch(/^[0-9a-f]{32}$/);
  expect(tokenKey('north', 'abcd', digest)).toBe(key);
  expect(tokenKey('south', 'abcd', digest)).not.toBe(key);
  expect(tokenKey('north","a', 'bcd', digest)).not.toBe(tokenKey('north', 'a","bcd', digest));
});
