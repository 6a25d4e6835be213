/**
 * Backends made of `ocpp-rpc` for one station, CP-1, with everything each of them heard on record; what they are asked is answered as backends do.
 */
import type { OcppVersion } from '../../src/protocol/version.ts';
import { until } from '../../src/testkit/until.ts';
import { startRpcCsms, type RpcPeer } from '../conformance/rpc-peers.ts';

/** The one station that these backends know. */
export const stationId = 'CP-1';

export interface HeardCall {
  readonly action: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface HeardBackend {
  readonly url: string;
  /** What it was called with, over all of its links. */
  readonly calls: HeardCall[];
  /** Its links, oldest first. */
  readonly links: RpcPeer[];
  /** What it calls the next transaction of OCPP 1.6. */
  nextNumber: () => number;
  /** Resolves once it has had this many links, with the newest. */
  link(count?: number): Promise<RpcPeer>;
  close(): Promise<void>;
}

/** Starts a backend. Unless told otherwise it calls every transaction 1. */
export async function startHeardBackend(version: OcppVersion): Promise<HeardBackend> {
  const csms = await startRpcCsms([version]);
  const calls: HeardCall[] = [];
  const links: RpcPeer[] = [];
  const backend: HeardBackend = {
    url: csms.url,
    calls,
    links,
    nextNumber: () => 1,
    link: async (count = 1) => {
      await until(`link ${count} of ${stationId}`, () => links.length >= count, 20_000);
      return links.at(-1) as RpcPeer;
    },
    close: () => csms.close(),
  };
  csms.onPeer = (_station, peer) => {
    links.push(peer);
    peer.answer = (action, payload) => {
      calls.push({ action, payload: payload as HeardCall['payload'] });
      return answerOf(action, backend);
    };
  };
  return backend;
}

function answerOf(action: string, { nextNumber }: HeardBackend): object {
  switch (action) {
    case 'BootNotification':
      return { status: 'Accepted', currentTime: '2026-01-01T00:00:00Z', interval: 300 };
    case 'Heartbeat':
      return { currentTime: '2026-01-01T00:00:00Z' };
    case 'StartTransaction':
      return { transactionId: nextNumber(), idTagInfo: { status: 'Accepted' } };
    default:
      return {};
  }
}

/** The payloads of the calls of one action, in order. */
export function payloadsOf(calls: readonly HeardCall[], action: string): HeardCall['payload'][] {
  return calls.filter((call) => call.action === action).map(({ payload }) => payload);
}

/** How often each call that the peer made was answered, in order. */
export function answersPerCall({ tapped }: RpcPeer): number[] {
  const frames = tapped.map(({ isSent, text }) => ({
    isSent,
    frame: JSON.parse(text) as [kind: number, messageId: string],
  }));
  return frames
    .filter(({ isSent, frame }) => isSent && frame[0] === 2)
    .map(
      ({ frame: [, asked] }) =>
        frames.filter((one) => !one.isSent && one.frame[1] === asked && one.frame[0] !== 2).length,
    );
}
