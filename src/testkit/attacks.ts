/**
 * Attacks on the station port: from strangers, from stations that were admitted, and by guessing.
 *
 * Shell. Each keeps its number of sockets up until it is told to stop, opening anew what is cut. Identities are `A-<n>`; those whose stations belong to
 * a hostile backend are `X-<behaviour>-<n>` (attacks-backend.ts).
 */
import type { Socket } from 'node:net';
import {
  count,
  flood,
  newTally,
  openSocket,
  openTcp,
  rawFrame,
  ServerReader,
  upgradeRequest,
  type Tally,
  type Target,
} from './attacks-raw.ts';

/** Identities that take turns, so that no attack is stopped by the bound of connects of one identity alone. */
export const attackerCount = 1_000;
/** What is cut comes again after this time. */
const againMs = 100;

export interface Attack {
  readonly sockets: number;
  /** Opens one socket and misbehaves on it. `turn` counts them. */
  open(target: Target, turn: number, tally: Tally): Socket;
}

export const attacks = {
  idle: { sockets: 1_000, open: openIdle },
  halfTls: { sockets: 1_000, open: openHalfTls },
  slowloris: { sockets: 1_000, open: openSlowloris },
  bigHeaders: { sockets: 100, open: openBigHeaders },
  notHttp: { sockets: 100, open: openNotHttp },
  endlessFragments: {
    sockets: 100,
    open: admitted((socket, tally) => {
      socket.write(rawFrame(1, '[', { isFinal: false }));
      flood(socket, rawFrame(0, 'x', { isFinal: false }), 1, tally);
    }),
  },
  manyFragments: {
    sockets: 50,
    open: admitted((socket, tally) => {
      const parts = Array.from({ length: 60 }, (_, at) =>
        rawFrame(at === 0 ? 1 : 0, 'x'.repeat(1_000), { isFinal: at === 59 }),
      );
      flood(socket, Buffer.concat(parts), 60, tally);
    }),
  },
  slowMessages: {
    sockets: 300,
    open: admitted((socket) => {
      socket.write(rawFrame(1, '['.repeat(60_000), { declared: 131_072n }));
      const drip = setInterval(() => socket.write('x'), 1_000);
      socket.on('close', () => clearInterval(drip));
    }),
  },
  oversized: {
    sockets: 50,
    open: admitted((socket, _tally, turn) => {
      const declared = [131_073n, 2n ** 32n, 2n ** 53n, 2n ** 63n][turn % 4] ?? 0n;
      if (turn % 5 === 0) socket.write(rawFrame(1, 'x'.repeat(1_000_000)));
      else socket.write(rawFrame(1, 'x'.repeat(1_000), { declared }));
    }),
  },
  malformedFrames: {
    sockets: 100,
    open: admitted((socket, _tally, turn) => {
      socket.write(malformedFrames[turn % malformedFrames.length] ?? '');
    }),
  },
  pings: {
    sockets: 50,
    open: admitted((socket, tally) =>
      flood(
        socket,
        Buffer.concat(Array.from({ length: 500 }, () => rawFrame(9, 'x'.repeat(125)))),
        500,
        tally,
      ),
    ),
  },
  pipelinedCalls: {
    sockets: 20,
    open: admitted((socket, tally, turn) => {
      const calls = Array.from({ length: 10_000 }, (_, at) =>
        rawFrame(1, `[2,"${turn}-${at}","Heartbeat",{}]`),
      );
      tally.frames += calls.length;
      socket.write(Buffer.concat(calls));
    }),
  },
  malformedJson: {
    sockets: 20,
    open: admitted((socket, tally) =>
      flood(socket, Buffer.concat(malformedTexts.map((text) => rawFrame(1, text))), 6, tally),
    ),
  },
  sends: {
    sockets: 20,
    open: admitted(
      (socket, tally) =>
        flood(
          socket,
          rawFrame(1, `[6,"s","NotifyPeriodicEventStream",{"id":1,"data":"${'x'.repeat(1_000)}"}]`),
          1,
          tally,
        ),
      'ocpp2.1',
    ),
  },
  foreignAnswers: {
    sockets: 20,
    open: admitted((socket, tally) =>
      flood(socket, rawFrame(1, `[3,"nobody-asked",{"x":"${'x'.repeat(4_000)}"}]`), 1, tally),
    ),
  },
  bigAnswers: {
    sockets: 20,
    open: admitted((socket, tally) =>
      flood(socket, rawFrame(1, `[3,"nobody-asked",{"x":"${'x'.repeat(130_000)}"}]`), 1, tally),
    ),
  },
  neverReading: {
    sockets: 50,
    open: admitted((socket, tally, turn) => {
      socket.pause();
      const talk = setInterval(() => {
        tally.frames += 1;
        socket.write(rawFrame(1, `[2,"${turn}-${tally.frames}","NoSuchAction",{}]`));
      }, 20);
      socket.on('close', () => clearInterval(talk));
    }),
  },
  oneIdentity: {
    sockets: 20,
    open: (target, _turn, tally) =>
      openAdmitted(target, 'A-storm', 'ocpp1.6', tally, (socket) => void setTimeout(() => socket.end(), 5)),
  },
  guessing: { sockets: 50, open: openGuess },
  /** Stations of backends that are hostile themselves; they behave, and come again. */
  hostileBackends: {
    sockets: 60,
    open: (target, turn, tally) => {
      const behaviour = backendBehaviours[turn % backendBehaviours.length] ?? '';
      const identity = `X-${behaviour}-${turn % attackerCount}`;
      return openAdmitted(target, identity, 'ocpp2.1', tally, (socket, reply) => {
        if (behaviour === 'unread') socket.pause();
        const talk = setInterval(
          () => reply(`[2,"${turn}-${(tally.frames += 1)}","Heartbeat",{}]`),
          behaviour === 'deaf' ? 5 : 100,
        );
        socket.on('close', () => clearInterval(talk));
      });
    },
  },
} as const satisfies Readonly<Record<string, Attack>>;

export type AttackName = keyof typeof attacks;

/** What the backends of `X-<behaviour>-<n>` do; see attacks-backend.ts. */
export const backendBehaviours = [
  'commands',
  'garbage',
  'oversized',
  'bigAnswers',
  'sends',
  'unread',
  'twice',
  'deaf',
  'closing',
  'deflate',
  'protocol',
  'badKey',
  'mute',
  'headers',
  'binary',
  'notUtf8',
  'masked',
  'pings',
  'fragments',
  'slow',
] as const;
export type BackendBehaviour = (typeof backendBehaviours)[number];

/** Runs one attack until the time is over, and lets go of everything. */
export async function attack(what: Attack, target: Target, seconds: number): Promise<Tally> {
  const { sockets } = what;
  const tally = newTally();
  const present = new Set<Socket>();
  let turn = 0;
  let isOver = false;
  const launch = (): void => {
    if (isOver) return;
    tally.connects += 1;
    const socket = what.open(target, turn, tally);
    turn += 1;
    present.add(socket);
    socket.on('close', () => {
      present.delete(socket);
      if (isOver) return;
      tally.cut += 1;
      setTimeout(launch, againMs);
    });
  };
  // In a few strokes: connects beyond the system's backlog would wait in the attacker's own kernel.
  for (let at = 0; at < sockets; at += 100) {
    for (let some = at; some < Math.min(at + 100, sockets); some += 1) launch();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  isOver = true;
  for (const socket of present) socket.destroy();
  return tally;
}

function openIdle(target: Target): Socket {
  return openTcp(target);
}

/** The first octets of a ClientHello that never goes on. */
function openHalfTls(target: Target): Socket {
  const socket = openTcp(target);
  socket.write(Buffer.from('16030100f5010000f10303', 'hex'));
  return socket;
}

function openSlowloris(target: Target, turn: number): Socket {
  const socket = openTcp(target);
  socket.resume();
  socket.write(`GET /ocpp/A-${turn} HTTP/1.1\r\nHost: localhost\r\n`);
  const drip = setInterval(() => socket.write('X-a: b\r\n'), 1_000);
  socket.on('close', () => clearInterval(drip));
  return socket;
}

function openBigHeaders(target: Target, _turn: number, tally: Tally): Socket {
  const socket = openSocket(target);
  const reader = new ServerReader(tally, () => {});
  socket.on('data', (chunk: Buffer) => reader.read(chunk));
  socket.write('GET /ocpp/A-1 HTTP/1.1\r\nHost: localhost\r\n');
  flood(socket, Buffer.from(`X-big: ${'x'.repeat(1_000)}\r\n`), 1, tally);
  return socket;
}

function openNotHttp(target: Target, turn: number, tally: Tally): Socket {
  const socket = turn % 2 === 0 ? openTcp(target) : openSocket(target);
  const reader = new ServerReader(tally, () => {});
  socket.on('data', (chunk: Buffer) => reader.read(chunk));
  socket.write(
    ['\u0000\u0001\u0002'.repeat(100), 'SSH-2.0-x\r\n', 'POST / HTTP/1.0\r\n\r\n'][turn % 3] ?? '',
  );
  return socket;
}

/** A wrong password for stations that are in or just coming in, from ever other addresses of the loopback network. */
function openGuess(target: Target, turn: number, tally: Tally): Socket {
  const address = `127.${1 + (turn % 7)}.${turn % 200}.${1 + (turn % 250)}`;
  const identity = `N-${turn % 100}`;
  const socket = openSocket(target, address);
  const reader = new ServerReader(tally, () => {});
  socket.on('data', (chunk: Buffer) => reader.read(chunk));
  tally.frames += 1;
  socket.write(upgradeRequest(identity, 'ocpp1.6', `guess-${turn}`));
  return socket;
}

type Misbehave = (socket: Socket, tally: Tally, turn: number) => void;

/** What stations do that were let in. */
export function admitted(misbehave: Misbehave, version = 'ocpp1.6'): Attack['open'] {
  return (target, turn, tally) =>
    openAdmitted(target, `A-${turn % attackerCount}`, version, tally, (socket) =>
      misbehave(socket, tally, turn),
    );
}

/** Connects as that station; `onAdmitted` gets the socket and a way to send a text. */
function openAdmitted(
  target: Target,
  identity: string,
  version: string,
  tally: Tally,
  onAdmitted: (socket: Socket, send: (text: string) => void) => void,
): Socket {
  const socket = openSocket(target);
  const send = (text: string): void => void (socket.writable && socket.write(rawFrame(1, text)));
  const reader = new ServerReader(tally, () => onAdmitted(socket, send));
  socket.on('data', (chunk: Buffer) => reader.read(chunk));
  socket.on('end', () => count(tally, 'ended'));
  socket.write(upgradeRequest(identity, version, target.password));
  return socket;
}

const text = '[2,"1","Heartbeat",{}]';
const malformedFrames: readonly Buffer[] = [
  rawFrame(2, text),
  rawFrame(1, Buffer.from([0x5b, 0xff, 0xfe, 0x80])),
  rawFrame(1, Buffer.from([0xed, 0xa0, 0x80])),
  rawFrame(1, text, { isMasked: false }),
  rawFrame(1, text, { reserved: 0x40 }),
  rawFrame(1, text, { reserved: 0x20 }),
  rawFrame(1, text, { reserved: 0x10 }),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => rawFrame(opcode, text)),
  rawFrame(0, text),
  Buffer.concat([rawFrame(1, '[', { isFinal: false }), rawFrame(1, text)]),
  rawFrame(9, 'x'.repeat(126)),
  rawFrame(9, 'x', { isFinal: false }),
  rawFrame(8, 'x'),
  rawFrame(8, Buffer.from([0x03, 0xed])),
  rawFrame(8, Buffer.from([0xff, 0xff])),
  rawFrame(8, Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from([0xff, 0xfe])])),
  rawFrame(8, 'x'.repeat(200)),
  Buffer.concat([rawFrame(8, Buffer.from([0x03, 0xe8])), rawFrame(1, text), rawFrame(1, text)]),
];

const malformedTexts = [
  '[2,"1","Heartbeat"',
  '{}',
  `[2,"${'x'.repeat(2_000)}","Heartbeat",{}]`,
  '['.repeat(20_000),
  '[99,"1",{}]',
  `[2,"1","Data",{"__proto__":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}]`,
];
