import { expect, test } from 'vitest';
import type { Evidence } from '../ports/migrations.ts';
import { presentEvidence } from './migration-presented.ts';

const entry: Evidence = {
  number: 1,
  at: 0,
  who: 'busbar',
  what: 'effect',
  station: null,
  wave: null,
  before: null,
  after: 'failed',
  reason: 'GenericError: no login at ftp://u:hunter2@files.example',
  values: { effect: 'LogTarget', before: 'ftp://u:hunter2@files.example/?sig=hunter2', at: 1 },
};

test('what a station had before it was moved is shown without the password in its address', () => {
  const { reason, values } = presentEvidence(entry);
  expect(reason).toBe('GenericError: no login at ftp://***@files.example');
  expect(values).toEqual({ effect: 'LogTarget', before: 'ftp://***@files.example/?***', at: 1 });
});
