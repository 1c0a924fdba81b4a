import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fetchSource } from '../../../tasks/lib/fetch/index.js';
import { excluded, proxyFor } from '../../../tasks/lib/fetch/proxy.js';
import { context, sample } from './support/context.js';
import { FaultServer } from './support/httpserver.js';

afterEach(() => vi.unstubAllEnvs());

describe('proxy settings', () => {
  it.each([
    ['example.org', true],
    ['.example.org', true],
    ['*.example.org', true],
    ['org', true],
    ['ample.org', false],
    ['example.org:443', true],
    ['example.org:8443', false],
    ['other, example.org', true],
    ['*', true],
    ['', false],
  ])('no_proxy=%s: direct %s', (list, direct) => {
    expect(excluded(new URL('https://example.org/x'), list)).toBe(direct);
  });

  it('reads the usual variables in both cases', () => {
    const url = new URL('https://example.org/x');
    expect(proxyFor(url, { https_proxy: 'http://p:3128' })).toBe('http://p:3128');
    expect(proxyFor(url, { HTTPS_PROXY: 'p:3128' })).toBe('http://p:3128');
    expect(proxyFor(url, { http_proxy: 'http://p:3128' })).toBeUndefined();
    expect(proxyFor(url, { all_proxy: 'http://p:3128' })).toBe('http://p:3128');
    expect(proxyFor(url, { all_proxy: 'socks5://p:1080' })).toBeUndefined();
    expect(proxyFor(url, { https_proxy: 'http://p:3128', no_proxy: 'example.org' })).toBeUndefined();
    expect(proxyFor(url, { https_proxy: '' })).toBeUndefined();
  });
});

describe('a real proxy', () => {
  /** A forwarding proxy that resolves every name to this host and counts what goes through it. */
  async function startProxy(): Promise<{ url: string; through: string[]; stop: () => void }> {
    const through: string[] = [];
    const server = createServer();
    const tunnel = (request: IncomingMessage, client: Socket): void => {
      through.push(`CONNECT ${request.url ?? ''}`);
      const upstream = connect(Number(new URL(`http://${request.url ?? ''}`).port), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    };
    server.on('connect', tunnel);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const stop = (): void => {
      server.closeAllConnections();
      server.close();
    };
    return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, through, stop };
  }

  it('is gone through, but not for hosts in no_proxy', async () => {
    const proxy = await startProxy();
    const server = await FaultServer.start();
    const { body, sha256 } = sample(200_000);
    const direct = server.on('/file', { body });
    const far = direct.replace('127.0.0.1', 'kernels.example');
    vi.stubEnv('http_proxy', proxy.url);
    vi.stubEnv('no_proxy', '');
    const spec = { kind: 'file' as const, name: 'f', urls: [far], sha256 };
    try {
      expect((await fetchSource(spec, context())).digest).toBe(sha256);
      expect(proxy.through).toHaveLength(1);
      expect(proxy.through[0]).toMatch(/^CONNECT kernels\.example:\d+$/);
      vi.stubEnv('no_proxy', '127.0.0.1,localhost');
      await fetchSource({ ...spec, urls: [direct] }, context());
      expect(proxy.through).toHaveLength(1);
    } finally {
      proxy.stop();
    }
  });
});
