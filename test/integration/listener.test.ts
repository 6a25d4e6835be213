/** The listener as stations meet it: real sockets, a raw client, plain WebSocket. */
import { afterEach, expect, test } from 'vitest';
import type { ListenerSettings } from '../../src/ports/settings.ts';
import {
  clientFrame,
  knock,
  rawClient,
  settingsWith,
  startListener,
  until,
  upgradeText,
  acceptArrival,
  type TestListener,
} from './edge-harness.ts';

const open: TestListener[] = [];

async function start(settings: ListenerSettings = settingsWith()): Promise<TestListener> {
  const started = await startListener(settings);
  open.push(started);
  return started;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ listener }) => listener.close()));
});

async function knockOpen(url: string, protocols?: string[]) {
  const answer = await knock(url, protocols);
  if (answer.kind !== 'open') throw new Error(`expected an open link, got ${JSON.stringify(answer)}`);
  return answer.socket;
}

test('texts pass both ways, to the byte, and a close tells both sides', async () => {
  const { port, door } = await start();
  const station = await knockOpen(`ws://127.0.0.1:${port}/ocpp/CP-1`, ['ocpp2.0.1', 'ocpp1.6']);
  expect(station.protocol).toBe('ocpp2.0.1');
  const [accepted] = door.accepted;
  expect(accepted?.arrival.station).toBe('CP-1');
  expect(accepted?.arrival.offered).toEqual(['ocpp2.0.1', 'ocpp1.6']);
  const texts: string[] = [];
  station.on('message', (data: Buffer) => texts.push(data.toString()));
  station.send('[2,"1","Heartbeat",{"ä":1.10,"😀":"\\u0000"}]');
  await until(() => accepted?.story.texts.length === 1, 'the text arrived');
  expect(accepted?.story.texts).toEqual(['[2,"1","Heartbeat",{"ä":1.10,"😀":"\\u0000"}]']);
  accepted?.link.send('[3,"1",{"€":1}]');
  await until(() => texts.length === 1, 'the answer arrived');
  expect(texts).toEqual(['[3,"1",{"€":1}]']);
  station.close(1000, 'bye');
  await until(() => accepted?.story.closed !== null, 'the close was told');
  expect(accepted?.story.closed).toEqual({ code: 1000, reason: 'bye' });
  expect(accepted?.link.send('late')).toBe(false);
  expect(accepted?.story.after).toBe(0);
});

test('frames sent right behind the request, before the answer, are not lost', async () => {
  const { port, door } = await start();
  let answer: (() => void) | null = null;
  door.decide = (arrival) => {
    answer = () => acceptArrival(door, arrival);
  };
  const client = await rawClient(port);
  const request = Buffer.from(upgradeText('/CP-1'));
  client.socket.write(Buffer.concat([request, clientFrame(1, 'first')]));
  await until(() => answer !== null, 'the arrival');
  client.socket.write(clientFrame(1, 'second'));
  await until(() => client.socket.bytesWritten > request.length + 15, 'the second frame left');
  await new Promise((resolve) => setImmediate(resolve));
  (answer as unknown as () => void)();
  client.socket.write(clientFrame(1, 'third'));
  await until(() => door.accepted[0]?.story.texts.length === 3, 'all three frames');
  expect(door.accepted[0]?.story.texts).toEqual(['first', 'second', 'third']);
  expect(client.received).toContain('Sec-WebSocket-Protocol: ocpp1.6\r\n');
  client.socket.destroy();
  await until(() => door.accepted[0]?.story.closed !== null, 'the cut was told');
  expect(door.accepted[0]?.story.closed).toEqual({ code: null, reason: 'connection_lost' });
});
