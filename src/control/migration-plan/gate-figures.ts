/**
 * Figures of gates as people write and read them: `99.5%`, `0`, `500ms`.
 *
 * Pure. A share is a fraction of 1 inside, an answer time milliseconds, everything else a number.
 */
import type { Measure } from '../../core/migration/plan.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import { durationText, parseDuration } from '../configuration/units.ts';

type Unit = 'share' | 'count' | 'duration' | 'rate';

const units: Readonly<Record<Measure, Unit>> = {
  'boots.accepted': 'share',
  'calls.errorRate': 'share',
  'authorisations.accepted': 'share',
  'transactions.undelivered': 'count',
  'answers.p95': 'duration',
  'links.drops': 'rate',
};

const expected: Readonly<Record<Unit, string>> = {
  share: 'a share such as 99.5%, from 0% to 100%',
  count: 'a whole number such as 0',
  duration: 'a duration such as 500ms or 2s',
  rate: 'a number such as 0.5: so many for each station and hour',
};

/** What was expected instead, as it goes on after "must be". */
export function parseFigure(measure: Measure, given: number | string): Result<number, string> {
  const unit = units[measure];
  const value = valueOf(unit, given);
  return value === null ? fail(expected[unit]) : ok(value);
}

function valueOf(unit: Unit, given: number | string): number | null {
  switch (unit) {
    case 'share': {
      const digits = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/.exec(String(given))?.[1];
      // Divided in decimals: 99.9 / 100 is not 0.999.
      const share = digits === undefined ? Number.NaN : Number((Number(digits) / 100).toFixed(8));
      return share <= 1 ? share : null;
    }
    case 'count':
      return typeof given === 'number' && Number.isInteger(given) ? given : null;
    case 'rate':
      return typeof given === 'number' ? given : null;
    case 'duration': {
      const ms = parseDuration(String(given));
      return ms.ok ? ms.value : null;
    }
  }
}

/** The figure as it would be written in a plan. */
export function figureText(measure: string, value: number): string {
  switch (Object.hasOwn(units, measure) ? units[measure as Measure] : 'rate') {
    case 'share':
      return `${Number((value * 100).toFixed(6))}%`;
    case 'duration':
      return durationText(Math.round(value));
    default:
      return String(Number(value.toFixed(6)));
  }
}
