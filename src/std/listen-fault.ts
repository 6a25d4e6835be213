/**
 * Why a port could not be opened, in words for whoever started Busbar.
 *
 * Pure. The codes are Node's; one that is not in the table speaks for itself.
 */
const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken by another process; stop that one, or name another port',
  EADDRNOTAVAIL: 'this machine has no such address; name one of its own, or 0.0.0.0 for all of them',
  EACCES: 'this user may not open that port; name one from 1024 on',
  ENOTFOUND: 'the host name does not resolve; write an address of this machine',
};

/** `error` is what a server's `listen` failed with. */
export function listenFaultText(
  host: string,
  port: number,
  error: { readonly code?: string; readonly message: string },
): string {
  return `${host}:${port}: ${reasons[error.code ?? ''] ?? error.message}`;
}
