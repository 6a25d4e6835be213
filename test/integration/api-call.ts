/** Calls to the API of a world, and their answers. */
import type { World } from './api-world.ts';

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

export async function call(world: World, path: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(world.api.url + path, init);
  const type = (response.headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
  const text = await response.text();
  return {
    status: response.status,
    type,
    headers: response.headers,
    body: type.endsWith('json') ? JSON.parse(text) : text,
  };
}

export const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...headers },
});
