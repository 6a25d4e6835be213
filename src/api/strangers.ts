/**
 * Connections whose peer has not shown yet that it may call: few at a time, and the newest counts.
 *
 * Who reaches the port and has no token could else take every connection there is, and hold it: probes would find nobody, and whoever runs Busbar would
 * start it anew. The one that has waited longest is cut, so that a probe and an operator, who ask as soon as they are connected, are answered.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** A quarter of all connections. */
export const strangersMax = 128;

export interface Strangers {
  /** It may call; its connection counts no more. */
  admit(socket: Socket): void;
}

export function boundStrangers(server: Server): Strangers {
  /** Oldest first. */
  const strangers = new Set<Socket>();
  server.on('connection', (socket) => {
    strangers.add(socket);
    socket.once('close', () => strangers.delete(socket));
    const [oldest] = strangers;
    if (strangers.size <= strangersMax || oldest === undefined) return;
    strangers.delete(oldest);
    oldest.destroy();
  });
  return { admit: (socket) => void strangers.delete(socket) };
}
