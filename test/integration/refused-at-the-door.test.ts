import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  rawClient,
  settingsWith,
  startListener,
  until,
  upgradeText,
  type TestListener,
} from './edge-harness.ts';

let plain: TestListener;
beforeAll(async () => {
  plain = await startListener(settingsWith({ limits: { congestedBytes: 16_384 } }));
});
afterAll(() => plain.listener.close());

test('a handshake of HTTP/1.0 is refused (RFC 6455 4.2.1, 1)', async () => {
  const client = await rawClient(plain.port);
  client.socket.write(upgradeText('/CP-1').replace('HTTP/1.1', 'HTTP/1.0'));
  await until(() => client.received !== '', 'an answer');
  expect(client.received).toMatch(/^HTTP\/1\.1 (400|505|426) /);
  client.socket.destroy();
});

test('a handshake without a Host header is refused (RFC 6455 4.2.1, 2)', async () => {
  const client = await rawClient(plain.port);
  client.socket.write(upgradeText('/CP-1').replace(/Host:.*\r\n/, ''));
  await until(() => client.received !== '', 'an answer');
  expect(client.received).toMatch(/^HTTP\/1\.1 400 /);
  client.socket.destroy();
});

test('a link that is congested below what the socket calls full says when it has drained', async () => {
  const client = await rawClient(plain.port);
  client.socket.write(upgradeText('/CP-9'));
  await until(() => client.received.includes('101'), 'an answer');
  client.socket.pause();
  const { link, story } = plain.door.accepted.at(-1)!;
  for (let sent = 0; link.bufferedBytes <= 16_384 && sent < 10_000; sent += 1) {
    link.send('x'.repeat(4_096));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(link.bufferedBytes).toBeGreaterThan(16_384);
  expect(link.bufferedBytes).toBeLessThan(65_536);
  client.socket.resume();
  await until(() => link.bufferedBytes === 0, 'it was read');
  await until(() => story.drained > 0, 'its owner is told');
  client.socket.destroy();
});

test.each([
  ['an expectation', 'GET /CP-1 HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\n\r\n', 426],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  ['no host', 'GET /CP-1 HTTP/1.1\r\n\r\n', 426],
])('%s is refused by us, told to the door, and its connection closed', async (_what, request, status) => {
  plain.door.refusals.length = 0;
  const client = await rawClient(plain.port);
  client.socket.write(request);
  await until(() => client.isEnded, 'it is closed', 2_000);
  expect(client.received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(plain.door.refusals).toEqual([{ refusal: 'bad_request', status, station: null }]);
});
