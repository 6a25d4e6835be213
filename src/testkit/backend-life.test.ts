/** A simulated backend misbehaves as told, towards the stations and at the calls that it is told of. */
import { expect, test } from 'vitest';
import { backendDefaults, createBackendStation, stepBackend, type BackendStation } from './backend-life.ts';

const clock = { nowMs: 0, wallMs: 0 };

function answerOf(peer: BackendStation, action: string, body: string): string | undefined {
  const effects = stepBackend(peer, { type: 'text', text: `[2,"1","${action}",${body}]` }, clock);
  return effects.flatMap((effect) => (effect.type === 'send' ? [effect.text.slice(0, 2)] : []))[0];
}

test('one station’s drivers get errors, its heartbeats and another station’s drivers do not', () => {
  const [one, other] = ['CP-1', 'CP-2'].map((station) =>
    createBackendStation(backendDefaults, station, 1),
  ) as [BackendStation, BackendStation];
  for (const peer of [one, other]) stepBackend(peer, { type: 'opened', version: 'ocpp1.6' }, clock);
  one.misconduct = { shares: { error: 1 }, actions: new Set(['Authorize']) };
  expect(answerOf(one, 'Authorize', '{"idTag":"A"}')).toBe('[4');
  expect(answerOf(one, 'Heartbeat', '{}')).toBe('[3');
  expect(answerOf(other, 'Authorize', '{"idTag":"A"}')).toBe('[3');
});
