/**
 * Busbar's own ports with a trap in them: at the named point, once it is armed, the process kills itself.
 *
 * SIGKILL to oneself is delivered before the system call returns, so nothing of Busbar runs after it. A frame that was sent is with the system by then:
 * links write each frame at once.
 */
import { openSqliteJournal as openStore } from '../../src/adapters/sqlite/journal-store.ts';
import { createDialer as createRealDialer } from '../../src/adapters/websocket/dialer.ts';
import { listen as listenReally } from '../../src/adapters/websocket/listener.ts';
import type { Link, LinkHandler } from '../../src/ports/link.ts';
import type { Door } from '../../src/ports/listener.ts';
import { createJournal as createRealJournal } from '../../src/runtime/journal-writer.ts';
import { armSignal, trapVariable, type KillPoint, type Trap } from './kill-points.ts';

const trap = JSON.parse(process.env[trapVariable] ?? '{}') as Partial<Trap>;
let left = Infinity;

process.on(armSignal, () => {
  left = trap.count ?? 1;
});

function pass(point: KillPoint): void {
  if (point !== trap.point) return;
  left -= 1;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
}

export const createJournal: typeof createRealJournal = (options) => {
  const journal = createRealJournal(options);
  const append = journal.append.bind(journal);
  journal.append = (record) => {
    const position = append(record);
    pass('after_append');
    return position;
  };
  return journal;
};

export const openSqliteJournal: typeof openStore = async (options) => {
  const opened = await openStore(options);
  if (!opened.ok) return opened;
  const store = opened.value;
  const commit = store.commit.bind(store);
  store.commit = async (batch) => {
    const fault = await commit(batch);
    if (fault === null) pass('after_commit');
    return fault;
  };
  return opened;
};

export const createDialer: typeof createRealDialer = (limits) => {
  const dialer = createRealDialer(limits);
  const dial = dialer.dial.bind(dialer);
  dialer.dial = (request, handler, outcome, owner) =>
    dial(
      request,
      heard(handler),
      {
        onOpened: (its, link) => outcome.onOpened(its, toBackend(link)),
        // One by one: what an instance has of its class is not spread.
        onRefused: (its, fault, detail) => outcome.onRefused(its, fault, detail),
      },
      owner,
    );
  return dialer;
};

export const listen: typeof listenReally = (settings, door, gatekeeper, log) =>
  listenReally(settings, withTrap(door), gatekeeper, log);

function withTrap(door: Door): Door {
  return {
    onRefused: (...refusal) => door.onRefused(...refusal),
    onArrival: (arrival) => {
      const accept = arrival.accept.bind(arrival);
      arrival.accept = (version, handler, owner) => {
        const link = accept(version, handler, owner);
        return link === null ? null : toStation(link);
      };
      door.onArrival(arrival);
    },
  };
}

function heard<Owner>(handler: LinkHandler<Owner>): LinkHandler<Owner> {
  return {
    onText: (owner, text) => {
      handler.onText(owner, text);
      if (isAnswer(text)) pass('after_result');
    },
    onPong: (owner) => handler.onPong(owner),
    onDrained: (owner) => handler.onDrained(owner),
    onClosed: (owner, code, reason) => handler.onClosed(owner, code, reason),
  };
}

function toBackend(link: Link): Link {
  const send = link.send.bind(link);
  link.send = (text) => {
    const isSent = send(text);
    if (text.startsWith('[2,')) pass('after_relay');
    return isSent;
  };
  return link;
}

function toStation(link: Link): Link {
  const send = link.send.bind(link);
  link.send = (text) => {
    if (!isAnswer(text)) return send(text);
    pass('before_answer');
    const isSent = send(text);
    pass('after_answer');
    return isSent;
  };
  return link;
}

/** Simulated peers write frames without white space. */
function isAnswer(text: string): boolean {
  return text.startsWith('[3,') || text.startsWith('[4,');
}
