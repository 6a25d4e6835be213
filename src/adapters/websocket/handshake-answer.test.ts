import { expect, test } from 'vitest';
import { acceptKeyOf } from './accept-key.ts';
import { judgeAnswer, mayBeAnswer } from './handshake-answer.ts';

/** RFC 6455 §1.3. */
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const expected = { acceptKey: accept, version: 'ocpp1.6' };

function answer(lines: readonly string[], status = 'HTTP/1.1 101 Switching Protocols'): string {
  return [status, ...lines].join('\r\n');
}

const good = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Accept: ${accept}`,
  'Sec-WebSocket-Protocol: ocpp1.6',
];

function without(name: string): string[] {
  return good.filter((line) => !line.startsWith(name));
}

test('the key of RFC 6455 gives the answer of RFC 6455', () => {
  expect(acceptKeyOf(key)).toBe(accept);
});

test.each([
  ['as servers write it', answer(good)],
  [
    'in any case, with blanks and other headers',
    answer([
      'UPGRADE:WebSocket',
      'connection: \t keep-alive, upgrade ',
      `sec-websocket-accept:${accept}`,
      'SEC-WEBSOCKET-PROTOCOL: ocpp1.6',
      'Server: a:b',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      'X-Empty:',
    ]),
  ],
  ['without a reason phrase', answer(good, 'HTTP/1.1 101')],
])('an answer %s opens the link', (_name, head) => {
  expect(judgeAnswer(head, expected)).toEqual({ ok: true, value: null });
});

test.each([
  ['another status', answer(good, 'HTTP/1.1 200 OK'), 'refused_status', 'HTTP 200'],
  ['a redirect', answer(['Location: ws://elsewhere/'], 'HTTP/1.1 301 Moved'), 'refused_status', 'HTTP 301'],
  ['a status of HTTP/1.0', answer([], 'HTTP/1.0 503 Busy'), 'refused_status', 'HTTP 503'],
  ['no HTTP', 'SSH-2.0-OpenSSH', 'connect_failed', 'the answer is not HTTP'],
  ['HTTP/2', answer(good, 'HTTP/2 101 Switching'), 'connect_failed', 'the answer is not HTTP'],
  ['a bare line feed', answer([...good, 'X: a\nY: b']), 'connect_failed', 'the answer is not HTTP'],
  ['a folded line', answer([...good, ' folded']), 'connect_failed', 'the answer is not HTTP'],
  ['a blank before the colon', answer([...good, 'X : a']), 'connect_failed', 'the answer is not HTTP'],
  ['a zero octet', answer([...good, 'X: \0']), 'connect_failed', 'the answer is not HTTP'],
  ['no Upgrade', answer(without('Upgrade')), 'connect_failed', 'the answer is not WebSocket: Upgrade'],
  [
    'no Connection',
    answer(without('Connection')),
    'connect_failed',
    'the answer is not WebSocket: Connection',
  ],
  [
    'another key',
    answer([...without('Sec-WebSocket-Accept'), 'Sec-WebSocket-Accept: x']),
    'connect_failed',
    'the answer is not WebSocket: Sec-WebSocket-Accept',
  ],
  [
    'the key twice',
    answer([...good, `Sec-WebSocket-Accept: ${accept}`]),
    'connect_failed',
    'the answer is not WebSocket: Sec-WebSocket-Accept',
  ],
  [
    'an extension nobody offered',
    answer([...good, 'Sec-WebSocket-Extensions: permessage-deflate']),
    'connect_failed',
    'the answer is not WebSocket: Sec-WebSocket-Extensions',
  ],
  [
    'no subprotocol',
    answer(without('Sec-WebSocket-Protocol')),
    'no_subprotocol',
    'ocpp1.6 was offered, no subprotocol was answered',
  ],
  [
    'two subprotocols',
    answer([...good, 'Sec-WebSocket-Protocol: ocpp2.0.1']),
    'no_subprotocol',
    'ocpp1.6 was offered, another subprotocol was answered',
  ],
])('%s is refused, and named', (_name, head, fault, detail) => {
  expect(judgeAnswer(head, expected)).toEqual({ ok: false, fault: [fault, detail] });
});

test('what cannot become an answer is known by its first octets', () => {
  expect(['', 'H', 'HTTP/1.', 'HTTP/1.1 101'].map(mayBeAnswer)).toEqual([true, true, true, true]);
  expect(['S', 'SSH-2.0-', 'HTTP/2', 'http/1.1', '\u0015\u0003'].map(mayBeAnswer)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});
