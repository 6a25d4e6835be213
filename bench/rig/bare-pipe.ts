/**
 * A, what the gateway is measured against: `ws` on both sides and nothing between. It reads no frame, keeps none and checks none.
 *
 *     node bench/rig/bare-pipe.ts <backend URL without the identity> [certificate key]
 *
 * Not pure. No compression, as on the links of the gateway, which have a codec of their own (ADR 0010). It takes a station at once and dials meanwhile; the gateway does it the other way round.
 */
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

const [backendUrl, certFile, keyFile] = process.argv.slice(2);
const server =
  certFile === undefined || keyFile === undefined
    ? createHttpServer()
    : createHttpsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }, () => {
  process.stderr.write(
    `${JSON.stringify({ msg: 'started', stationPort: (server.address() as AddressInfo).port })}\n`,
  );
});
const doorway = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });
doorway.on('connection', (station, request) => {
  const backend = new WebSocket(`${backendUrl}${request.url ?? ''}`, [station.protocol], {
    perMessageDeflate: false,
  });
  let early: { readonly data: Buffer; readonly isBinary: boolean }[] | null = [];
  station.on('message', (data: Buffer, isBinary) => {
    if (early === null) backend.send(data, { binary: isBinary });
    else early.push({ data, isBinary });
  });
  backend.on('open', () => {
    for (const { data, isBinary } of early ?? []) backend.send(data, { binary: isBinary });
    early = null;
  });
  backend.on('message', (data: Buffer, isBinary) => station.send(data, { binary: isBinary }));
  station.on('close', () => backend.close());
  backend.on('close', () => station.close());
  station.on('error', () => backend.terminate());
  backend.on('error', () => station.terminate());
});
