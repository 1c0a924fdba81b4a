import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { HttpProxyAgent, HttpsProxyAgent } from 'hpagent';

/**
 * Proxies for http and https downloads, from the variables curl and git know: http_proxy, https_proxy, all_proxy and
 * no_proxy, in lower or upper case. git and apt read their own settings; ftp goes direct.
 */

type Environment = Record<string, string | undefined>;

function variable(env: Environment, name: string): string | undefined {
  const value = env[name] ?? env[name.toUpperCase()];
  return value === '' ? undefined : value;
}

/** True when no_proxy covers a host: `*`, a name, a domain (with or without a dot before it), each with or without a port. */
export function excluded(url: URL, noProxy: string | undefined): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return (noProxy ?? '')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', entryPort] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
      const domain = name.replace(/^\*?\./, '');
      return (entryPort === undefined || entryPort === port) && (host === domain || host.endsWith(`.${domain}`));
    });
}

/** The proxy for a URL; undefined when it is reached directly. */
export function proxyFor(url: URL, env: Environment = process.env): string | undefined {
  if (excluded(url, variable(env, 'no_proxy'))) return undefined;
  const proxy = variable(env, url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? variable(env, 'all_proxy');
  if (proxy === undefined) return undefined;
  const whole = proxy.includes('://') ? proxy : `http://${proxy}`;
  // Only HTTP proxies are spoken; with a SOCKS proxy (in all_proxy, often) a direct connection is what is left.
  return /^https?:\/\//.test(whole) ? whole : undefined;
}

/** got's agent option for a URL. */
export function agentsFor(url: URL): { http?: HttpAgent; https?: HttpsAgent } {
  const proxy = proxyFor(url);
  if (proxy === undefined) return {};
  return url.protocol === 'https:' ? { https: new HttpsProxyAgent({ proxy }) } : { http: new HttpProxyAgent({ proxy }) };
}
