/**
 * What the log says of stations that are turned away because their backend is not there: why, in words that can be counted, and what the dials ended in.
 */
import { expect, test } from 'vitest';
import type { Log, LogFields } from '../../src/ports/log.ts';
import { dialStation, silentLog, startFixture } from './busbar-fixture.ts';

test('the log says why a backend is down, and of a refused station the reason of the metrics and the sentence', async () => {
  const lines: { readonly event: string; readonly fields: LogFields | undefined }[] = [];
  const keep = (event: string, fields?: LogFields): void => void lines.push({ event, fields });
  const log: Log = { ...silentLog, info: keep, warn: keep };
  const busbar = await startFixture(
    `stations: { listen: 127.0.0.1:0 }
admin: { listen: 127.0.0.1:0 }
storage: "sqlite::memory:"
backends: { old: { url: "ws://127.0.0.1:1/{station}" } }
`,
    {},
    log,
  );
  for (let number = 1; number <= 5; number += 1) await dialStation(busbar.stationUrl(`CP-${number}`));
  await busbar.close();
  expect(lines).toContainEqual({
    event: 'station_refused',
    fields: {
      station: 'CP-1',
      status: 503,
      reason: 'unavailable',
      detail: 'The backend cannot be reached.',
    },
  });
  expect(lines).toContainEqual({
    event: 'backend_down',
    fields: { backend: 'old', lastError: 'connect_failed: ECONNREFUSED' },
  });
});
