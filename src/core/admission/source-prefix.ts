/**
 * The network a remote address stands for: what failures are counted by.
 *
 * Pure. An attacker has all of an IPv6 /64 and often much of an IPv4 /24, so single addresses are the wrong unit.
 */

/** The first 24 bits of an IPv4 address, the first 64 of an IPv6 one; text that is neither stands for itself. */
export function sourcePrefix(address: string): string {
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
  if (plain.includes(':')) return `${expanded(plain).slice(0, 4).join(':')}::/64`;
  const lastDot = plain.lastIndexOf('.');
  return lastDot === -1 ? plain : `${plain.slice(0, lastDot)}.0/24`;
}

/** The eight groups, without the zone. */
function expanded(address: string): string[] {
  const [bare = ''] = address.split('%');
  const [left = '', right] = bare.split('::');
  const head = left === '' ? [] : left.split(':');
  if (right === undefined) return head;
  const tail = right === '' ? [] : right.split(':');
  const zeros = Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array.from({ length: zeros }, () => '0'), ...tail];
}
