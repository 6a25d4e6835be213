/**
 * The HTTP server under the API: what holds for every route.
 *
 * Each route names the role it asks for; one that names none cannot be registered. Every error leaves as problem details, every answer
 * carries the same security headers, no other origin is let in, bodies are small and JSON.
 */
import { maxHeaderSize, STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Log } from '../ports/log.ts';
import type { AdminSettings } from '../ports/settings.ts';
import { assert } from '../std/assert.ts';
import { identify, mayAct, type Caller, type GateFault, type RouteRole } from './gate.ts';
import { addIdempotency, idempotencyHeaders } from './idempotency.ts';
import { isStorageFault } from './journal-page.ts';
import { problem, problemMediaType, type Problem } from './problem.ts';
import { boundStrangers } from './strangers.ts';
import { boundUnsent } from './unsent.ts';
import { compileCheck, explain, isTooDeep, levelsMax } from './validation.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. */
    role?: RouteRole;
    /** It changes something: it is audited, and takes an `Idempotency-Key`. */
    changes?: boolean;
  }
  interface FastifyRequest {
    /** Set once the gate let the request in; null on open routes. */
    caller: Caller | null;
  }
}

/** Largest body taken, bytes, unless a route says otherwise: most need no more than a reason. */
const bodyBytesMax = 16 * 1024;

const requestTimeoutMs = 10_000;
/** How often Node looks for requests that are over their time; its own half minute would be three times that. */
const requestsLookedAtEveryMs = 1_000;
const connectionsMax = 512;
const stalledMs = 60_000;

const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const gateDetails: Readonly<Record<GateFault, string>> = {
  'not-authenticated': 'Send one of the configured tokens as "Authorization: Bearer TOKEN".',
  'loopback-only':
    'No tokens are configured, so only this machine may call. Configure admin.tokens to allow others.',
  'host-not-allowed':
    'No tokens are configured, so the Host header must be localhost, a loopback address or the address of admin.listen.',
};

/**
 * Makes the server with its routes, and gives what `addRoutes` gave. `settings` is asked on every request, so that a reload counts from the next
 * one on.
 */
export async function createServer<Routes>(
  settings: () => AdminSettings,
  log: Log,
  addRoutes: (app: FastifyInstance) => Routes,
): Promise<{ readonly app: FastifyInstance; readonly routes: Routes }> {
  const app = fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    http: { connectionsCheckingInterval: requestsLookedAtEveryMs },
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error, _request, reply) => {
      void reply.headers(securityHeaders);
      void sendProblem(reply, problem('bad-request', error.message));
    },
    clientErrorHandler: answerUnreadable,
  });
  app.server.maxConnections = connectionsMax;
  const strangers = boundStrangers(app.server);
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(({ schema, httpPart }) => compileCheck(schema as object, httpPart));
  // The handlers' own objects are sent as they are: a schema never drops or changes what an answer holds.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.decorateRequest('caller', null);
  await describe(app);
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(securityHeaders);
    const refused = await admit(settings(), log, request, reply);
    if (request.caller !== null) strangers.admit(request.socket);
    return refused;
  });
  app.addHook('preValidation', async (request, reply) =>
    isTooDeep(request.body) ? sendProblem(reply, tooDeep) : undefined,
  );
  addIdempotency(app, { nowMs: () => performance.now() });
  boundUnsent(app, { stalledMs });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      problem(
        'not-found',
        `${request.method} ${pathOf(request)} is no route of this API; see /api/v1/openapi.json.`,
      ),
    ),
  );
  app.setErrorHandler((error: FastifyError, request, reply) =>
    sendProblem(reply, problemOf(error, request, log)),
  );
  return { app, routes: withOtherMethodsRefused(app, addRoutes) };
}

/** Answers with problem details. */
export function sendProblem(reply: FastifyReply, body: Problem): FastifyReply {
  if (body.status === 401) void reply.header('www-authenticate', 'Bearer realm="busbar"');
  return reply.code(body.status).type(problemMediaType).send(JSON.stringify(body));
}

async function admit(
  settings: AdminSettings,
  log: Log,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const wanted = request.is404 ? 'viewer' : request.routeOptions.config.role;
  assert(wanted !== undefined, 'every route names its role');
  if (wanted === 'open') return undefined;
  const { host, authorization } = request.headers;
  const identified = identify(settings, { peer: request.socket.remoteAddress ?? '', host, authorization });
  if (!identified.ok) {
    log.warn('api_refused', {
      reason: identified.fault,
      peer: request.socket.remoteAddress,
      method: request.method,
      path: pathOf(request),
    });
    return sendProblem(reply, problem(identified.fault, gateDetails[identified.fault]));
  }
  const caller = identified.value;
  if (!mayAct(caller.role, wanted)) {
    log.warn('api_refused', {
      reason: 'not-allowed',
      by: caller.name,
      method: request.method,
      path: pathOf(request),
    });
    return sendProblem(
      reply,
      problem(
        'not-allowed',
        `This needs the role ${wanted}; the token "${caller.name}" has the role ${caller.role}.`,
      ),
    );
  }
  request.caller = caller;
  return undefined;
}

function problemOf(error: FastifyError, request: FastifyRequest, log: Log): Problem {
  if (error.validation !== undefined) {
    const items = explain(error.validation, error.validationContext ?? 'body');
    return problem(
      'invalid-request',
      items.map(({ where, reason }) => `${where} ${reason}`).join('; '),
      items,
    );
  }
  if (isStorageFault(error))
    return problem('storage-unavailable', 'The journal cannot be read now; try again later.');
  const status = error.statusCode ?? 500;
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY') return problem('bad-request', unreadableBody);
  if (status === 415) return problem('not-json', 'Send the body with "Content-Type: application/json".');
  if (status === 413) return problem('too-large', `A body may have ${request.routeOptions.bodyLimit} bytes.`);
  if (status >= 400 && status < 500) return problem('bad-request', error.message);
  log.error('api_failed', {
    method: request.method,
    path: pathOf(request),
    detail: error.stack ?? error.message,
  });
  return problem('internal', 'Busbar failed to answer; its log says why (event api_failed).');
}

const tooDeepReason = `is nested deeper than ${levelsMax} levels`;
const tooDeep = problem('invalid-request', `body ${tooDeepReason}`, [
  { where: 'body', reason: tooDeepReason },
]);

/** The library says of both that it is not JSON. */
const unreadableBody =
  'The body is not valid JSON, or has a key that is not taken: "__proto__", or "prototype" under "constructor".';

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** Runs `addRoutes`, then makes every path answer the methods it does not have with 405 and the list of those it has. */
function withOtherMethodsRefused<Routes>(
  app: FastifyInstance,
  addRoutes: (app: FastifyInstance) => Routes,
): Routes {
  const methodsOf = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const role = route.config?.role;
    assert(role !== undefined, `route ${route.url} names its role`);
    const isReading = [route.method].flat().every((method) => readingMethods.has(method));
    const changes = route.config?.changes === true;
    assert(
      isReading !== changes || isHidden(route.schema),
      `route ${route.url} says whether it changes something`,
    );
    // The document says of every operation who may call it.
    route.schema = Object.assign(route.schema ?? {}, {
      'x-role': role,
      security: role === 'open' ? [] : [{ token: [] }],
      ...(changes ? { headers: idempotencyHeaders } : {}),
    });
    const methods = methodsOf.get(route.url) ?? new Set<string>();
    for (const method of [route.method].flat()) methods.add(method);
    methodsOf.set(route.url, methods);
  });
  const routes = addRoutes(app);
  for (const [url, methods] of methodsOf) {
    const allow = [...methods].sort().join(', ');
    app.route({
      method: knownMethods.filter((method) => !methods.has(method)),
      url,
      config: { role: 'viewer' },
      schema: { hide: true },
      handler: (_request, reply) =>
        sendProblem(
          reply.header('allow', allow),
          problem('method-not-allowed', `Here only ${allow} can be done.`),
        ),
    });
  }
  return routes;
}

/** The answers to methods that a path does not have. */
function isHidden(schema: object | undefined): boolean {
  return schema !== undefined && 'hide' in schema && schema.hide === true;
}

const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const knownMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

async function describe(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Busbar',
        version: '1',
        description:
          'What a running gateway tells and takes. Errors are RFC 9457 problem details; lists are `{ items, nextCursor }`.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'The address of admin.listen.' }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'A token of admin.tokens.' },
        },
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) =>
        typeof json.$id === 'string' ? json.$id : `schema-${index}`,
    },
  });
}

function answerUnreadable(error: NodeJS.ErrnoException, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const unreadable = unreadableOf(error.code);
  const body = JSON.stringify(unreadable);
  const head = `HTTP/1.1 ${unreadable.status} ${STATUS_CODES[unreadable.status]}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}

function unreadableOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return problem(
        'headers-too-large',
        `The headers of a request may have ${maxHeaderSize} bytes together.`,
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problem('too-slow', `A request must be there whole within ${requestTimeoutMs / 1_000} seconds.`);
    default:
      return problem('bad-request', 'This is no HTTP request that can be read.');
  }
}
