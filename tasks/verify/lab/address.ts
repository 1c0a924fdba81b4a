/** True for IPv4 addresses that no packet outside may carry (RFC 1918). */
export function isPrivate(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
}
