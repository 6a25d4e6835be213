import { describe, expect, test } from 'vitest';
import { driveMigration, type DrivenMigration } from '../../testkit/driven-migration.ts';
import type { FoundObject } from '../commands/placed-objects.ts';
import { effectName } from './effect-phase.ts';
import type { EffectStep, OrderOutcome } from './events.ts';
import { noSideEffects, type SideEffects } from './plan.ts';
import { isStillWanted } from './step.ts';

const found = (id: string, fate: FoundObject['fate'], label = 'TxDefaultProfile'): FoundObject => ({
  id,
  label,
  connector: fate === 'limit' ? 0 : 1,
  fate,
});

/** A station that has these, and does as it is told. */
class Station {
  objects: FoundObject[];
  hasMore = false;
  readonly told: string[] = [];
  readonly kinds = new Set<string>();

  constructor(objects: FoundObject[]) {
    this.objects = objects;
  }

  answer = (step: EffectStep): OrderOutcome => {
    switch (step.do) {
      case 'list_placed':
        return { kind: 'found', of: step.kind, objects: this.objects, hasMore: this.hasMore };
      case 'clear_placed':
      case 'place_again':
        this.told.push(`${step.do} ${step.id}`);
        this.kinds.add(step.kind);
        return { kind: 'placed', of: step.kind, is: step.do === 'place_again' ? 'placed' : 'cleared' };
      default:
        return { kind: 'answered', value: null };
    }
  };
}

function move(station: Station): DrivenMigration {
  const also = { ...noSideEffects, profiles: 'clear', clearCache: true } as const;
  const driven = driveMigration({ soakMs: 600_000, giveUpAfterMs: 20_000, also }, [['CP-1']]);
  driven.answerEffect = station.answer;
  driven.decide({ do: 'start' });
  driven.run(10);
  return driven;
}

const effectsOf = (driven: DrivenMigration) =>
  driven
    .progress('CP-1')
    .effects.map(({ what, phase, reason }) => [effectName(driven.state.head.plan, what), phase, reason]);

const unheard: OrderOutcome = {
  kind: 'refused',
  reason: 'unknown_outcome',
  detail: 'No answer.',
  primary: null,
};
const unsent: OrderOutcome = { kind: 'refused', reason: 'not_sent', detail: 'Away.', primary: null };

/** Moved, with the order to clear its profile given and let go. */
function letGo(isBackFirst: boolean): DrivenMigration {
  const station = new Station([found('1', 'clear')]);
  const also = { ...noSideEffects, profiles: 'clear' } as const;
  const driven = driveMigration({ soakMs: 600_000, also }, [['CP-1']]);
  driven.answerEffect = station.answer;
  driven.decide({ do: 'start' });
  driven.run(3);
  driven.run(1, false);
  const { station: id } = driven.progress('CP-1');
  const order = driven.open.get(id);
  if (order?.do !== 'effect') throw new Error('nothing is to be cleared');
  expect(order.step.do).toBe('clear_placed');
  driven.decide(isBackFirst ? { do: 'rollback_wave', wave: 0 } : { do: 'pause' });
  expect(isStillWanted(driven.state, order)).toBe(false);
  driven.settle('CP-1', { kind: 'let_go' });
  return driven;
}

describe('profiles that the old backend placed', () => {
  test('are cleared one by one, limits and what is not known whole stay, and a rollback places the same again', () => {
    const station = new Station([
      found('1', 'clear'),
      found('2', 'limit', 'ChargePointMaxProfile'),
      found('3', 'not_whole'),
      found('4', 'clear'),
    ]);
    const driven = move(station);
    expect(effectsOf(driven)).toEqual([
      [
        'profiles',
        'done',
        'old placed 4 profiles, of which 2 can be cleared. What was placed before Busbar may be there too, and stays',
      ],
      ['profile 1 (TxDefaultProfile, connector 1)', 'done', null],
      [
        'profile 2 (ChargePointMaxProfile, the station)',
        'skipped',
        'kept: it limits what the station draws, and clearing it can overload its connection',
      ],
      [
        'profile 3 (TxDefaultProfile, connector 1)',
        'skipped',
        'kept: it is not known whole, and could not be put back',
      ],
      ['profile 4 (TxDefaultProfile, connector 1)', 'done', null],
      ['clearCache', 'done', null],
    ]);
    driven.decide({ do: 'rollback' });
    driven.run(10);
    expect(station.told).toEqual(['clear_placed 1', 'clear_placed 4', 'place_again 1', 'place_again 4']);
    expect(driven.state.head.phase).toBe('rolled-back');
  });

  test('are not taken for cleared where the station does not know one that it was never told to clear', () => {
    const driven = letGo(false);
    driven.decide({ do: 'resume' });
    driven.run(1, false);
    const order = driven.open.get(driven.progress('CP-1').station);
    expect(order).toMatchObject({ step: { do: 'clear_placed' }, isAgain: false });
  });

  test('are not cleared once a rollback was decided, and then there is nothing to put back', () => {
    const driven = letGo(true);
    driven.takeOrders();
    driven.run(5);
    expect(driven.takeOrders()).toEqual(['roll_back CP-1']);
    expect(effectsOf(driven).at(-1)).toEqual(['profile 1 (TxDefaultProfile, connector 1)', 'skipped', null]);
    expect(driven.state.head.waves[0]?.phase).toBe('rolled-back');
  });

  test('of which nothing is known are said to be there all the same', () => {
    const station = new Station([]);
    station.hasMore = true;
    expect(effectsOf(move(station))[0]).toEqual([
      'profiles',
      'done',
      'Busbar knows of none that old placed. What was placed before Busbar, or is more than it keeps, may be there too, and stays',
    ]);
  });

  test('are not put back where the station did not have them, or refused to clear them', () => {
    const station = new Station([found('1', 'clear'), found('2', 'clear')]);
    const { answer } = station;
    station.answer = (step) =>
      step.do !== 'clear_placed'
        ? answer(step)
        : step.id === '1'
          ? { kind: 'placed', of: step.kind, is: 'gone' }
          : { kind: 'denied', detail: 'the station answered Rejected' };
    const driven = move(station);
    expect(effectsOf(driven).slice(1, 3)).toMatchObject([
      [expect.any(String), 'skipped', 'the station did not have it any more'],
      [expect.any(String), 'failed', 'the station answered Rejected'],
    ]);
    driven.decide({ do: 'rollback' });
    driven.run(10);
    expect(station.told).toEqual([]);
  });

  test.each([
    ['there', 'undone', 'it is there already'],
    ['ended', 'skipped', 'its time is over'],
    ['gone', 'skipped', 'it is not kept any more: it was cleared or replaced meanwhile, or long ago'],
  ] as const)('that are %s at a rollback are not put back', (is, phase, reason) => {
    const station = new Station([found('1', 'clear')]);
    const driven = move(station);
    driven.answerEffect = (step) =>
      step.do === 'place_again' ? { kind: 'placed', of: step.kind, is } : station.answer(step);
    driven.decide({ do: 'rollback' });
    driven.run(10);
    expect(effectsOf(driven)[1]).toEqual([expect.any(String), phase, reason]);
  });

  test('are asked for as a repetition only where the first time may have reached the station', () => {
    const station = new Station([found('1', 'clear')]);
    const driven = move(new Station([]));
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(10);
    const asked: boolean[] = [];
    const outcomes = [unsent, unsent, unheard];
    driven.answerEffect = (step) => {
      if (step.do !== 'clear_placed') return station.answer(step);
      return outcomes.shift() ?? station.answer(step);
    };
    driven.decide({ do: 'start_wave', wave: 0 });
    for (let second = 0; second < 30; second += 1) {
      driven.run(1, false);
      const [order] = [...driven.open.values()];
      if (order === undefined) continue;
      if (order.do !== 'effect') {
        const view = driven.stations.get(order.station);
        if (view !== undefined && order.do === 'cut_over')
          Object.assign(view, { primary: 'new', before: 'old' });
        driven.settle('CP-1', { kind: 'done', isChanged: true, primary: view?.primary ?? null });
        continue;
      }
      if (order.step.do === 'clear_placed') asked.push(order.isAgain);
      driven.settle('CP-1', driven.answerEffect(order.step));
    }
    expect(asked).toEqual([false, false, false, true]);
    expect(effectsOf(driven)[1]).toMatchObject([expect.any(String), 'done', null]);
  });

  test('are still to be put back when the station moves once more before they could be', () => {
    const station = new Station([found('1', 'clear')]);
    const driven = move(station);
    driven.answerEffect = () => ({ kind: 'denied', detail: 'No.' });
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(10);
    driven.answerEffect = station.answer;
    station.objects = [];
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(10);
    expect(effectsOf(driven)[1]).toEqual([expect.any(String), 'skipped', 'it was not put back']);
    driven.decide({ do: 'rollback' });
    driven.run(10);
    expect(station.told).toEqual(['clear_placed 1', 'place_again 1']);
  });
});

describe.each([
  ['displayMessage', 'displayMessages', 'display message', 'InFront'],
  ['tariff', 'tariffs', 'tariff', 'EUR'],
] as const)('of what the old backend placed a %s', (kind, plural, noun, label) => {
  const ofKind = (id: string, fate: FoundObject['fate']): FoundObject => found(id, fate, label);

  /** Answers for this kind, and says what is placed of another. */
  function moveKind(station: Station, more: Partial<SideEffects> = {}): DrivenMigration {
    const also = { ...noSideEffects, [plural]: 'clear', ...more } as const;
    const driven = driveMigration({ soakMs: 600_000, giveUpAfterMs: 20_000, also }, [['CP-1']]);
    driven.answerEffect = station.answer;
    driven.decide({ do: 'start' });
    driven.run(10);
    return driven;
  }

  test('is cleared by its id and named, what is not known whole stays, and a rollback places it again in order', () => {
    const station = new Station([ofKind('1', 'clear'), ofKind('2', 'not_whole'), ofKind('3', 'clear')]);
    const driven = moveKind(station);
    expect(effectsOf(driven)).toEqual([
      [
        plural,
        'done',
        `old placed 3 ${noun}s, of which 2 can be cleared. What was placed before Busbar may be there too, and stays`,
      ],
      [`${noun} 1 (${label}, connector 1)`, 'done', null],
      [
        `${noun} 2 (${label}, connector 1)`,
        'skipped',
        'kept: it is not known whole, and could not be put back',
      ],
      [`${noun} 3 (${label}, connector 1)`, 'done', null],
    ]);
    driven.decide({ do: 'rollback' });
    driven.run(10);
    expect(station.told).toEqual(['clear_placed 1', 'clear_placed 3', 'place_again 1', 'place_again 3']);
    expect(station.kinds).toEqual(new Set([kind]));
    const word = noun.replace(' ', '_');
    const orders = driven.evidence.filter(({ what, station: id }) => what === 'order' && id === 'CP-1');
    expect(orders.map(({ after }) => after)).toEqual(
      expect.arrayContaining([`list_${word}s`, `clear_${word} 1`, `set_${word} 3`]),
    );
    const outcomes = driven.evidence.filter(({ what }) => what === 'outcome').map(({ values }) => values);
    expect(outcomes).toEqual(
      expect.arrayContaining([{ [plural]: 3 }, { [kind]: 'cleared' }, { [kind]: 'placed' }]),
    );
  });

  test('is no profile, though it has the same id', () => {
    const station = new Station([found('1', 'clear')]);
    const driven = moveKind(station, { profiles: 'clear' });
    expect(station.told).toEqual(['clear_placed 1', 'clear_placed 1']);
    expect(station.kinds).toEqual(new Set(['profile', kind]));
    expect(effectsOf(driven).map(([what]) => what)).toEqual([
      'profiles',
      'profile 1 (TxDefaultProfile, connector 1)',
      plural,
      `${noun} 1 (TxDefaultProfile, connector 1)`,
    ]);
  });

  test('is passed over at a station whose version has none', () => {
    const station = new Station([]);
    station.answer = () => ({ kind: 'inapplicable', detail: 'OCPP 1.6 has none' });
    const driven = moveKind(station);
    expect(effectsOf(driven)).toEqual([[plural, 'skipped', 'OCPP 1.6 has none']]);
    expect(driven.progress('CP-1').phase).not.toBe('failed');
  });

  test('is put back after what an earlier move could not put back, since it was placed later', () => {
    const station = new Station([ofKind('1', 'clear')]);
    const driven = moveKind(station);
    driven.answerEffect = () => ({ kind: 'denied', detail: 'No.' });
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(10);
    driven.answerEffect = station.answer;
    station.objects = [ofKind('2', 'clear')];
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(10);
    driven.decide({ do: 'rollback' });
    driven.run(10);
    expect(station.told).toEqual(['clear_placed 1', 'clear_placed 2', 'place_again 1', 'place_again 2']);
  });

  test('is tried again where the answer to its placing was lost, and reported where it is refused for long', () => {
    const station = new Station([ofKind('1', 'clear')]);
    const driven = moveKind(station);
    const outcomes = [unheard];
    driven.answerEffect = (step) =>
      step.do === 'place_again' ? (outcomes.shift() ?? station.answer(step)) : station.answer(step);
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(20);
    expect(effectsOf(driven)[1]).toEqual([`${noun} 1 (${label}, connector 1)`, 'undone', null]);
    driven.answerEffect = (step) => (step.do === 'place_again' ? unsent : station.answer(step));
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(10);
    driven.decide({ do: 'rollback' });
    driven.run(60);
    expect(effectsOf(driven)[1]?.slice(1)).toEqual(['failed', 'not put back in time: Away.']);
  });
});
