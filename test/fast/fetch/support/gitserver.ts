import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeEach, vi } from 'vitest';
import { startInetd } from '../../../support/inetd.js';
import { onCleanup } from './cleanup.js';

/** Real git repositories, and the ways to serve them: git daemon, http-backend, plain files over http. */

const quiet = { GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.org' };

export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, env: { ...process.env, ...quiet, GIT_CONFIG_GLOBAL: '/dev/null' }, stdio: ['ignore', 'pipe', 'pipe'] }).toString().trim();
}

/** Gives the code under test a user's git configuration, fresh for every test of the file. */
export function userGitConfig(folder: string, base = ''): (text: string) => void {
  const path = join(folder, 'gitconfig');
  const write = (text: string): void => writeFileSync(path, `${base}${text}`);
  beforeEach(() => {
    write('');
    vi.stubEnv('GIT_CONFIG_GLOBAL', path);
    vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
  });
  return write;
}

/** Bytes git is tempted to change, by path. */
export const CONTENT: Record<string, Buffer> = {
  '.gitattributes': Buffer.from('*.c text eol=crlf ident\n*.h text working-tree-encoding=UTF-16\n/secret.txt export-ignore\n/version.txt export-subst\n*.bin filter=lfs\n'),
  'kernel/crlf.txt': Buffer.from('one\r\ntwo\r\n'),
  'kernel/lf.c': Buffer.from('/* $Id$ */\nint x;\n'),
  'kernel/wide.h': Buffer.from('#define X 1\n'),
  'kernel/latin1.patch': Buffer.from([0x2b, 0xe4, 0xbd, 0xff, 0x00, 0x0d, 0x0a, 0x2b]),
  'secret.txt': Buffer.from('kept all the same\n'),
  'version.txt': Buffer.from('$Format:%H$\n'),
  'data.bin': Buffer.from('not in lfs\n'),
  'tools/build.sh': Buffer.from('#!/bin/sh\n'),
  'tools/name with space': Buffer.from('x'),
};

export interface History {
  /** The bare repository. */
  path: string;
  /** Commits of branch `work`, oldest first. */
  commits: string[];
  /** A commit that only branch `other` has, below its tip. */
  other: string;
}

/** A repository with a few commits on two branches. The content of CONTENT is in the second commit. */
export function makeHistory(folder: string, name = 'repo'): History {
  const work = join(folder, `${name}-work`);
  mkdirSync(work, { recursive: true });
  git(work, 'init', '-q', '-b', 'work');
  const commit = (message: string): string => {
    git(work, '-c', 'core.autocrlf=false', 'commit', '-q', '--allow-empty', '-m', message, '--date=2013-04-05T06:07:08Z');
    return git(work, 'rev-parse', 'HEAD');
  };
  const commits = [commit('empty')];
  for (const [path, bytes] of Object.entries(CONTENT)) {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), bytes);
    // Straight into the index as they are: `git add` would apply the attributes.
    const object = git(work, 'hash-object', '-w', '--no-filters', path);
    git(work, 'update-index', '--add', '--cacheinfo', `${path === 'tools/build.sh' ? '100755' : '100644'},${object},${path}`);
  }
  symlinkSync('kernel/lf.c', join(work, 'link'));
  const target = execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: work, input: 'kernel/lf.c' }).toString().trim();
  git(work, 'update-index', '--add', '--cacheinfo', `120000,${target},link`);
  commits.push(commit('content'));
  writeFileSync(join(work, 'later'), 'later');
  git(work, 'update-index', '--add', 'later');
  commits.push(commit('later'));
  const other = git(work, 'commit-tree', '-p', commits[0] ?? '', '-m', 'other', `${commits[1] ?? ''}^{tree}`);
  git(work, 'update-ref', 'refs/heads/other', git(work, 'commit-tree', '-p', other, '-m', 'after other', `${commits[1] ?? ''}^{tree}`));
  const path = join(folder, `${name}.git`);
  git(folder, 'clone', '-q', '--bare', work, path);
  return { path, commits, other };
}

/** `git daemon` over a folder of repositories. Returns git://… */
export async function startDaemon(base: string): Promise<string> {
  const daemon = await startInetd(['git', 'daemon', '--inetd', '--log-destination=none', `--base-path=${base}`, '--export-all']);
  onCleanup(() => daemon.stop());
  return `git://127.0.0.1:${String(daemon.port)}`;
}

function serveFile(root: string, request: IncomingMessage, response: ServerResponse): void {
  const path = join(root, decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
  try {
    if (!statSync(path).isFile()) throw new Error('not a file');
    response.writeHead(200).end(readFileSync(path));
  } catch {
    response.writeHead(404).end();
  }
}

/** git's own CGI program behind a small web server. */
function serveBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://x');
  const child = spawn('git', ['http-backend'], {
    env: {
      ...process.env,
      ...quiet,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: String(request.headers['content-encoding'] ?? ''),
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
  });
  // A program that has answered without reading all of the question.
  child.stdin.on('error', () => undefined);
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('close', () => {
    const all = Buffer.concat(chunks);
    const split = all.indexOf('\r\n\r\n');
    const headers = all.subarray(0, split).toString().split('\r\n').map((line) => line.split(': '));
    const status = Number(headers.find(([key]) => key === 'Status')?.[1]?.slice(0, 3) ?? 200);
    for (const [key = '', value = ''] of headers) if (key !== 'Status' && key !== '') response.setHeader(key, value);
    response.writeHead(status).end(all.subarray(split + 4));
  });
}

/** A web server over a folder of repositories: smart, plain files, or one that wants a password. */
export async function startGitHttp(root: string, kind: 'smart' | 'plain' | 'locked'): Promise<{ origin: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    if (kind === 'smart') serveBackend(root, request, response);
    else if (kind === 'plain') serveFile(root, request, response);
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onCleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, seen };
}

/** Turns a repository's packs into loose objects and removes one of them. */
export function removeObject(repo: string, object: string): void {
  const list = git(repo, 'count-objects', '-v');
  if (/packs: [1-9]/.test(list)) {
    const packs = join(repo, 'objects', 'pack');
    execFileSync('sh', ['-c', 'mkdir ../moved && mv pack/* ../moved && for p in ../moved/*.pack; do git --git-dir .. unpack-objects -q < "$p"; done && rm -rf ../moved'], { cwd: dirname(packs) });
  }
  const path = join(repo, 'objects', object.slice(0, 2), object.slice(2));
  chmodSync(path, 0o644);
  execFileSync('rm', [path]);
}
