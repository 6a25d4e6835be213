/**
 * The API client of a verb, made from its options: which gateway, with which token.
 *
 * The token comes from a file or from BUSBAR_TOKEN, never from an argument, which other users of the machine could read.
 */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { createClient, type Client, type ClientFault } from '../api/client.ts';
import { fail, ok, type Result } from '../std/result.ts';
import type { CliIo } from './io.ts';
import { neutralised } from './output.ts';
import type { ApiOptions } from './program.ts';

const requestTimeoutMs = 10_000;
/** How long a stream that was lost is tried to be opened again: longer than a gateway's restart. */
const reconnectMs = 120_000;

/**
 * Runs a verb with its client. A fault is said on stderr and makes the exit code 1; a token that cannot be read, or an address that is none, makes
 * it 2.
 */
export async function withClient(
  command: Command,
  io: CliIo,
  act: (client: Client, options: ApiOptions) => Promise<ClientFault | null>,
): Promise<void> {
  const options = command.optsWithGlobals<ApiOptions>();
  const token = await readToken(options, io);
  const wrong = token.ok ? faultOfAddress(options.admin) : token.fault;
  if (!token.ok || wrong !== null) {
    io.stderr.write(`${wrong}\n`);
    io.setExitCode(2);
    return;
  }
  const client = createClient({
    url: options.admin,
    token: token.value,
    timeoutMs: requestTimeoutMs,
    reconnectMs,
  });
  const fault = await act(client, options);
  if (fault === null) return;
  io.stderr.write(`${fault.problem?.status === 401 ? noToken : neutralised(fault.message)}\n`);
  io.setExitCode(1);
}

/** The API says which header it wants. */
const noToken =
  'No valid token: name the file of one that is configured (admin.tokens) with --token-file, or put it into BUSBAR_TOKEN.';

function faultOfAddress(admin: string): string | null {
  const url = URL.parse(admin);
  const example = 'such as http://127.0.0.1:9221';
  if (url !== null && url.username + url.password !== '')
    return `--admin: write the address without user and password, ${example}; a token is given with --token-file`;
  if (url === null || !/^https?:$/.test(url.protocol)) return `--admin ${admin}: write an address ${example}`;
  return url.pathname + url.search + url.hash === '/'
    ? null
    : `--admin ${admin}: write the address without a path, ${example}`;
}

async function readToken({ tokenFile }: ApiOptions, io: CliIo): Promise<Result<string | null, string>> {
  const text = tokenFile === undefined ? ok(io.env['BUSBAR_TOKEN'] ?? '') : await readText(tokenFile);
  if (!text.ok) return text;
  const token = text.value.trim();
  if (/[^\x21-\x7e]/.test(token))
    return fail(`${tokenFile ?? 'BUSBAR_TOKEN'}: a token is one line of printable ASCII without blanks`);
  if (token === '' && tokenFile !== undefined) return fail(`--token-file ${tokenFile}: the file is empty`);
  return ok(token === '' ? null : token);
}

async function readText(file: string): Promise<Result<string, string>> {
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return fail(`--token-file ${file}: ${fileFaults[code] ?? `it cannot be read (${code})`}`);
  }
}

const fileFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder; name a file',
  EACCES: 'this user may not read it',
};
