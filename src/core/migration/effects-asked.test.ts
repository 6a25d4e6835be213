import { describe, expect, test } from 'vitest';
import { driveMigration, type DrivenMigration } from '../../testkit/driven-migration.ts';
import type { EffectStep, OrderOutcome } from './events.ts';
import { noSideEffects, settingsMax, type SettingChange } from './plan.ts';

const of16 = (key: string, value: string): SettingChange => ({ component: null, key, value });

/** A station that is set what it is told, and knows what the new backend asked it for. */
function stationWith(asked: readonly SettingChange[], settings: Record<string, string>) {
  const station = { asked, settings, written: [] as string[] };
  const answer = (step: EffectStep): OrderOutcome => {
    switch (step.do) {
      case 'list_asked':
        return { kind: 'asked', settings: station.asked };
      case 'read':
        return { kind: 'answered', value: settings[step.key] ?? null };
      case 'write':
        settings[step.key] = step.value;
        station.written.push(`${step.key}=${step.value}`);
        return { kind: 'answered', value: null };
      default:
        return { kind: 'answered', value: null };
    }
  };
  return { ...station, station, answer };
}

function move(
  asked: readonly SettingChange[],
  settings: Record<string, string>,
  configuration: readonly SettingChange[] = [],
) {
  const also = { ...noSideEffects, asked: 'apply', configuration } as const;
  const driven = driveMigration({ soakMs: 600_000, also }, [['CP-1']]);
  const { station, answer } = stationWith(asked, settings);
  driven.answerEffect = answer;
  driven.decide({ do: 'start' });
  driven.run(200);
  return { driven, station };
}

const effectsOf = (driven: DrivenMigration) =>
  driven
    .progress('CP-1')
    .effects.map(({ what, phase, reason }) => [
      typeof what === 'object' && 'setting' in what ? what.setting.key : what,
      phase,
      reason,
    ]);

describe('what the new backend asked a station for', () => {
  test('is set there key by key, and put back by a rollback', () => {
    const settings = { Interval: '60', Zone: 'A' };
    const { driven, station } = move([of16('Interval', '10'), of16('Zone', 'B')], settings);
    expect(effectsOf(driven)).toEqual([
      ['asked', 'done', 'new asked it for 2 settings, of which 2 can be set'],
      ['Interval', 'done', null],
      ['Zone', 'done', null],
    ]);
    // What it asks for from now on changes nothing: the list is the one that was taken.
    station.asked = [of16('Zone', 'C')];
    driven.decide({ do: 'rollback' });
    driven.run(30);
    expect(settings).toEqual({ Interval: '60', Zone: 'A' });
    expect(station.written).toEqual(['Interval=10', 'Zone=B', 'Zone=A', 'Interval=60']);
    expect(effectsOf(driven).map(([, phase]) => phase)).toEqual(['done', 'undone', 'undone']);
  });

  test('is passed over with its reason where it is not the backend’s to write', () => {
    const { driven, station } = move(
      [
        of16('interval', '10'),
        of16('HeartbeatInterval', '10'),
        of16('CentralSystemURL', 'wss://new.example'),
        of16('ServicePassword', 'x'),
        of16('Free', 'y'),
        of16('"', 'y'),
      ],
      { Interval: '60', interval: '60', Free: 'x' },
      [of16('Interval', '30')],
    );
    expect(effectsOf(driven)).toEqual([
      [0, 'done', null],
      ['asked', 'done', 'new asked it for 6 settings, of which 1 can be set'],
      ['interval', 'skipped', 'the plan sets it'],
      ['HeartbeatInterval', 'skipped', 'Busbar owns it, and shows new its own value'],
      ['CentralSystemURL', 'skipped', 'it would change how the station is connected'],
      ['ServicePassword', 'skipped', 'it is a secret by its name'],
      ['Free', 'done', null],
      ['"', 'skipped', 'it is no setting that can be written'],
    ]);
    expect(station.written).toEqual(['Interval=30', 'Free=y']);
  });

  test('is nothing where nothing was asked for, and cannot be found out where the station stays away', () => {
    expect(effectsOf(move([], {}).driven)).toEqual([['asked', 'done', 'new asked it for nothing']]);
    const also = { ...noSideEffects, asked: 'apply' } as const;
    const driven = driveMigration({ soakMs: 600_000, giveUpAfterMs: 20_000, also }, [['CP-1']]);
    driven.answerEffect = () => ({
      kind: 'refused',
      reason: 'not_sent',
      detail: 'It is away.',
      primary: null,
    });
    driven.decide({ do: 'start' });
    driven.run(60);
    expect(effectsOf(driven)).toEqual([['asked', 'failed', 'not done in time: It is away.']]);
  });

  test('is bounded: of too much the last is set', () => {
    const asked = Array.from({ length: settingsMax + 2 }, (_, at) => of16(`Key${at}`, 'b'));
    const settings = Object.fromEntries(asked.map(({ key }) => [key, 'a']));
    const { driven, station } = move([of16('HeartbeatInterval', '9'), ...asked], settings);
    const reason = `only the last ${settingsMax} that were asked for are set`;
    expect(effectsOf(driven).filter(([, phase]) => phase === 'skipped')).toEqual([
      ['HeartbeatInterval', 'skipped', expect.stringContaining('Busbar owns it')],
      ['Key0', 'skipped', reason],
      ['Key1', 'skipped', reason],
    ]);
    expect(station.written).toHaveLength(settingsMax);
  });

  test('is put back as it first was, though it could not be before the station moved once more', () => {
    const settings: Record<string, string> = { Interval: '60' };
    const { driven, station } = move([of16('Interval', '10')], settings);
    const { answerEffect } = driven;
    driven.answerEffect = () => ({ kind: 'denied', detail: 'No.' });
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(10);
    expect(effectsOf(driven).at(-1)).toEqual(['Interval', 'failed', 'No.']);
    driven.answerEffect = answerEffect;
    station.asked = [of16('Interval', '20')];
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(30);
    expect(settings).toEqual({ Interval: '20' });
    driven.decide({ do: 'rollback' });
    driven.run(30);
    expect(settings).toEqual({ Interval: '60' });
  });

  test('of the move before is put back too where it is asked for no more', () => {
    const settings: Record<string, string> = { Interval: '60' };
    const { driven, station } = move([of16('Interval', '10')], settings);
    const { answerEffect } = driven;
    driven.answerEffect = () => ({ kind: 'denied', detail: 'No.' });
    driven.decide({ do: 'rollback_wave', wave: 0 });
    driven.run(10);
    driven.answerEffect = answerEffect;
    station.asked = [];
    driven.decide({ do: 'start_wave', wave: 0 });
    driven.run(30);
    expect(effectsOf(driven)).toEqual([
      ['asked', 'done', 'new asked it for nothing'],
      ['Interval', 'skipped', 'it was not put back'],
    ]);
    driven.decide({ do: 'rollback' });
    driven.run(30);
    expect(settings).toEqual({ Interval: '60' });
  });
});
