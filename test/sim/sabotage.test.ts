import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { breakGateway, type Break } from './sabotage.ts';
import { firstToBreak } from './seeds.ts';

/** Within so many seeds a break must be seen. */
const seedsMax = 200;

const breaks: readonly Break[] = [
  {
    name: 'a transaction message is answered before the commit',
    rule: 'D1',
    file: 'core/station/slot.ts',
    from: "const when = call.isGuaranteed ? 'afterCommit' : 'now';",
    to: "const when = 'now' as 'afterCommit' | 'now';",
  },
  {
    name: 'the driver does not wait for the commit that an answer asked for',
    rule: 'D1',
    file: 'runtime/station-driver.ts',
    from: "if (effect.when === 'afterCommit') this.#performAfterCommit(effect, position);",
    to: 'if (effect.when === undefined) this.#performAfterCommit(effect, position);',
  },
  {
    name: 'messages are told apart by their action alone',
    rule: 'D2',
    file: 'core/station/repeats.ts',
    from: '\\n${payload}`',
    to: '`',
  },
  {
    name: 'a silent backend makes a transaction message fail',
    rule: 'D4',
    file: 'core/station/upkeep.ts',
    from: "if (call.isGuaranteed) return closeStation(state, turn, closeCode.tryAgainLater, 'backend_silent');",
    to: '',
  },
  {
    name: 'a backend for single actions goes and takes calls with it',
    rule: 'D4',
    file: 'core/station/station-link.ts',
    from: "const own = calls.filter(({ purpose, caller }) => purpose === 'relay' && caller.epoch === link.epoch);",
    to: 'const own = calls.filter(() => false);',
    seed: 19,
  },
  {
    name: 'answers wait for a failing journal as long as it fails',
    rule: 'D4',
    file: 'runtime/station-driver.ts',
    from: 'for (const effect of this.#late.splice(0)) this.#giveUp(effect);',
    to: '',
    seed: 21,
  },
  {
    name: 'an answer does not free its slot',
    rule: 'D4',
    file: 'core/station/slot.ts',
    from: '    callee.slot = null;\n    callee.answered',
    to: '    callee.answered',
  },
  {
    name: 'a payload is parsed and written anew',
    rule: 'D6',
    file: 'protocol/frame.ts',
    from: 'return text.slice(0, frame.idStart) + idToken + text.slice(frame.idEnd);',
    to: 'return JSON.stringify(JSON.parse(text.slice(0, frame.idStart) + idToken + text.slice(frame.idEnd)));',
  },
  {
    name: 'calls that wait for a lost backend leave no trace',
    rule: 'D7',
    file: 'core/station/station-link.ts',
    from: "recordDropped(state, turn, waiting, 'caller_gone');",
    to: '',
    seed: 19,
  },
  {
    name: 'a reply that comes too late is not recorded',
    rule: 'D7',
    file: 'core/station/from-backend.ts',
    from: '    return recordReceived(state, turn, received, match.what, null);\n  }\n  const { call } = match;',
    to: '    return;\n  }\n  const { call } = match;',
  },
  {
    name: 'the lane is emptied without a look at the slot',
    rule: 'S1',
    file: 'core/station/backend-lane.ts',
    from: ' || backend.slot !== null) return;',
    to: ') return;',
  },
  {
    name: 'frames of an old link of a station count as those of its new one',
    rule: 'S7',
    file: 'core/station/step.ts',
    from: "if (state.link?.epoch !== event.epoch) return notice(turn, 'stale_event');",
    to: "if (state.link === null) return notice(turn, 'stale_event');",
  },
  {
    name: 'the late end of an old link ends the new one',
    rule: 'S7',
    file: 'core/station/step.ts',
    from: 'if (state.link?.epoch !== epoch) return;\n  loseStation',
    to: 'loseStation',
    seed: 7,
  },
  {
    name: 'an answer to the old link of a station goes to its new one',
    rule: 'S7',
    file: 'core/station/slot.ts',
    from: 'if (to === null || to.epoch !== call.caller.epoch) {',
    to: 'if (to === null) {',
    seed: 8,
  },
  {
    name: 'a station that calls and calls is read on and on',
    rule: 'S8',
    file: 'core/station/from-station.ts',
    from: 'if (laneDepth(backend) >= laneCallsMax) pauseStation(turn, link, pausedForLane);',
    to: '',
  },
  {
    name: 'a backend may have any number of commands wait',
    rule: 'S8',
    file: 'core/commands/command-queue.ts',
    from: 'if (this.#length >= commandsMax - urgentReserve + extra) return false;\n    if (this.countOf(from) >= commandsOfAskerMax + extra) return false;',
    to: '',
  },
  {
    name: 'the newest waiting call goes first',
    rule: 'order',
    file: 'core/station/slot.ts',
    from: 'if (!callee.lane.push(waiting)) return false;',
    to: 'callee.lane.putBack(waiting);',
  },
  {
    name: 'a waiting call is sent and stays in its lane',
    rule: 'duplicates',
    file: 'core/station/slot.ts',
    from: 'const waiting = callee.lane?.shift();',
    to: 'const waiting = turn.context.random() < 0.5 ? callee.lane?.peek() : callee.lane?.shift();',
  },
  {
    name: 'a backend that was down once is never dialled again',
    rule: 'liveness',
    file: 'core/station/arrival.ts',
    from: "backend.phase === 'waiting' && backend.redialAtMs > turn.context.nowMs",
    to: "backend.phase === 'waiting'",
  },
  {
    name: 'the end of a transaction goes unnoticed',
    rule: 'liveness',
    file: 'core/ids/transaction-arrived.ts',
    from: `if (eventType === '"Ended"' && isKept &&`,
    to: `if (eventType === '"Over"' && isKept &&`,
  },
  {
    name: 'a claim of the code does not hold',
    rule: 'bug',
    file: 'core/station/backend-link.ts',
    from: "if (link.phase !== 'waiting') link.phase = 'idle';",
    to: '',
  },
  {
    name: 'every backend is told the station’s own number of a transaction',
    rule: 'S2',
    file: 'core/ids/to-backend.ts',
    from: "      return id === ext ? 'keep' : { token: id };",
    to: "      return 'keep';",
  },
  {
    name: 'the parts of a report go to everyone who hears the station',
    rule: 'S2',
    file: 'core/ids/to-backend.ts',
    from: "if (request?.backend === receiver.backend) return request.token === '' ? 'remove' : request;",
    to: "if (request !== null) return request.token === '' ? 'remove' : request;",
  },
  {
    name: 'the newest held event of a transaction is delivered first',
    rule: 'D3',
    file: 'core/hold/held-lane.ts',
    from: 'if (this.#blocked === 0) return this.#entries[this.#from] ?? null;',
    to: 'if (this.#blocked === 0) return this.#entries.at(-1) ?? null;',
  },
  {
    name: 'what a station repeats is delivered again',
    rule: 'D5',
    file: 'core/station/from-station.ts',
    from: 'if (messageId !== null && answerRepeated(state, turn, link, received, messageId)) return;',
    to: '',
    seed: 19,
  },
  {
    name: 'what a station repeats is copied again',
    rule: 'D5',
    file: 'core/station/copies.ts',
    from: 'if (messageId !== null && isRepeated(state, messageId)) return;',
    to: '',
    seed: 17,
  },
  {
    name: 'what Busbar answers for a backend is not told to the journal',
    rule: 'D2',
    file: 'core/station/holding.ts',
    from: "turn.records.push({ type: 'held', at: wallMs, station: state.id, message });",
    to: '',
    seed: 8,
  },
  {
    name: 'what Busbar answers for a backend is answered before the commit',
    rule: 'D1',
    file: 'core/station/covering.ts',
    from: "isKept ? 'afterCommit' : 'now'",
    to: "'now'",
    seed: 6,
  },
  {
    name: 'what was delivered stays held',
    rule: 'D5',
    file: 'core/station/holding.ts',
    from: '  lane.remove(entry);\n',
    to: '  if (turn.context.random() < 0.9) lane.remove(entry);\n',
  },
  {
    name: 'a backend that is back is sent live messages before what was held',
    rule: 'order',
    file: 'core/station/covering.ts',
    from: 'heldLaneOf(state, backend)?.isAhead(transaction, turn.context.wallMs) === true',
    to: 'false',
    seed: 7,
  },
  {
    name: 'a backend that listens in may command as the primary may',
    rule: 'D6',
    file: 'core/station/command-facts.ts',
    from: "role: role ?? 'standby'",
    to: "role: role === 'observer' ? 'primary' : (role ?? 'standby')",
  },
  {
    name: 'what is held of the version before is delivered all the same',
    rule: 'versions',
    file: 'core/station/delivering.ts',
    from: "const isForeign = (version === 'ocpp1.6') !== (backend.version === 'ocpp1.6');",
    to: 'const isForeign = false;',
    seed: 4,
  },
  {
    name: 'backends are told how a station was in the version before',
    rule: 'versions',
    file: 'core/station/own-calls.ts',
    from: 'image: isForeign ? unknown : image,',
    to: 'image,',
    seed: 2,
  },
  {
    name: 'a key that is said twice is taken for what it is the second time',
    rule: 'secrets',
    file: 'core/commands/served-settings.ts',
    from: 'return isAmbiguous ? { instead: { key',
    to: 'return key === null ? { instead: { key',
    seed: 4,
  },
  {
    name: 'the password that a station gives away is passed on',
    rule: 'secrets',
    file: 'core/commands/served-settings.ts',
    from: "if (!isSecretVariable(name)) return 'as_it_is'",
    to: "if (name !== null) return 'as_it_is'",
    seed: 8,
  },
  {
    name: 'a value is taken out where it is first written',
    rule: 'secrets',
    file: 'core/commands/served-settings.ts',
    from: 'edits.push({ start: token',
    to: 'if (edits.length === 0) edits.push({ start: token',
    seed: 4,
  },
  {
    name: 'open transactions change hands at every cutover',
    rule: 'M1',
    file: 'core/station/cutover.ts',
    from: "if (openTransactions === 'handover') handOver",
    to: "if (openTransactions !== 'wait') handOver",
    seed: 15,
  },
  {
    name: 'a station that is moved loses its link',
    rule: 'M2',
    file: 'core/station/cutover.ts',
    from: "refusePending(state, turn, 503, 'The station has just been moved.', 1);",
    to: 'state.link = null;',
    seed: 8,
  },
  {
    name: 'a station whose observers change is told to its primary anew',
    rule: 'M2',
    file: 'core/station/cutover.ts',
    from: 'put(state, turn, { ...before, observers });',
    to: "closeBackends(state, turn, 'observers_changed');\n    put(state, turn, { ...before, observers });",
  },
  {
    name: 'a station is moved to a backend that does not know it',
    rule: 'M5',
    file: 'core/station/cutover.ts',
    from: "if (to?.phase !== 'open' || to.priming.phase !== 'synced' || !hearsAll(state, primary)) {",
    to: "if (to?.phase !== 'open') {",
    seed: 8,
  },
];

describe('every checker sees what it is there for', () => {
  test.concurrent.each(breaks)('$rule: $name', { timeout: 120_000 }, async (each) => {
    const url = await breakGateway(each);
    try {
      expect(await firstToBreak(url, each.rule, { max: seedsMax, first: each.seed })).not.toBeNull();
    } finally {
      await rm(join(dirname(fileURLToPath(url)), '../..'), { recursive: true });
    }
  });

  test('every rule is broken by something here', () => {
    const rules = [
      'D1',
      'D2',
      'D3',
      'D4',
      'D5',
      'D6',
      'D7',
      'M1',
      'M2',
      'M5',
      'S1',
      'S2',
      'S7',
      'S8',
      'secrets',
      'versions',
      'order',
      'duplicates',
      'liveness',
      'bug',
    ];
    expect(new Set(breaks.map(({ rule }) => rule))).toEqual(new Set(rules));
  });
});
