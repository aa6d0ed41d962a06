/** Addresses of the configuration as a client on this machine reaches them. */

const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** A host that listens on every address is reached on the loopback one; IPv6 addresses stand in brackets. */
export function urlOf(host: string, port: number, isTls = false): string {
  const reached = ANY_ADDRESS[host] ?? host;
  return `${isTls ? 'https' : 'http'}://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
