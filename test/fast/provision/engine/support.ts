import { spawn } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256 } from '../../../../tasks/lib/digest.js';
import { writeBundle, type BundleInput } from '../../../../tasks/provision/run/bundle.js';
import { engineScript } from '../../../../tasks/provision/run/engine.js';
import { HOOK_PART, MENU_PART } from '../../../../tasks/provision/run/operations.js';
import type { Change, Plan } from '../../../../tasks/provision/types.js';

/** A system's root in a folder, the engine in it, and shells to run it with. */

export const HOME = 'var/lib/build-kernel';

export interface Shell {
  name: string;
  argv: [string, ...string[]];
  /** Folder with nothing but this shell's programs; undefined: the system's. */
  path?: string;
}

/** busybox with its own programs only, as on a host that has nothing else. */
export function busybox(scratch: string): Shell {
  const path = join(scratch, 'applets');
  mkdirSync(path);
  for (const name of ['sh', 'cat', 'chmod', 'chown', 'cp', 'cut', 'date', 'dd', 'df', 'du', 'head', 'id', 'kill', 'ln', 'mkdir', 'mv', 'od', 'printf', 'readlink', 'rm', 'rmdir', 'sha256sum', 'sleep', 'sort', 'stat', 'sync', 'tail', 'touch', 'tr', 'wc']) {
    symlinkSync('/usr/bin/busybox', join(path, name));
  }
  return { name: 'busybox', argv: [join(path, 'sh')], path };
}

export interface Ran {
  exitCode: number | null;
  signal: string | null;
  output: string;
}

/** A root with its engine. `boot` gives it a new boot id, as a reboot does. */
export class Host {
  readonly root: string;
  readonly proc: string;
  private boots = 0;

  constructor(
    readonly scratch: string,
    private readonly shell: Shell,
    /** Its root is a running system's, not an image's. */
    private readonly running = false,
  ) {
    this.root = mkdtempSync(join(scratch, 'root-'));
    this.proc = mkdtempSync(join(scratch, 'proc-'));
    mkdirSync(join(this.proc, 'sys/kernel/random'), { recursive: true });
    this.reboot('quiet');
    for (const [path, text] of Object.entries(FILES)) this.write(path, text);
    chmodSync(join(this.root, 'etc/keepalived.conf'), 0o640);
    mkdirSync(join(this.root, HOME), { recursive: true });
    mkdirSync(join(this.root, 'etc/rc3.d'));
    symlinkSync('../init.d/irqbalance', join(this.root, 'etc/rc3.d/S13irqbalance'));
    symlinkSync('old.conf', join(this.root, 'etc/choice.conf'));
  }

  write(path: string, text: string): void {
    const place = join(this.root, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
    utimesSync(place, 1_300_000_000, 1_300_000_000);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  reboot(cmdline: string, uptime = 20): void {
    this.boots += 1;
    writeFileSync(join(this.proc, 'sys/kernel/random/boot_id'), `boot-${String(this.boots)}\n`);
    writeFileSync(join(this.proc, 'cmdline'), `ro root=/dev/sda1 ${cmdline}\n`);
    this.clock(uptime);
  }

  clock(uptime: number): void {
    writeFileSync(join(this.proc, 'uptime'), `${String(uptime)}.12 100.00\n`);
  }

  /** Puts a bundle where an upload would. */
  async stage(input: BundleInput): Promise<string> {
    const folder = join(mkdtempSync(join(this.scratch, 'bundle-')), 'b');
    const { id } = await writeBundle(input, folder);
    const run = join(this.root, HOME, 'runs', id);
    mkdirSync(run, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.root, HOME, 'engine'), await engineScript());
    for (const name of readdirSync(folder)) writeFileSync(join(run, name), readFileSync(join(folder, name)));
    writeFileSync(join(run, 'state'), 'staged\n');
    return id;
  }

  state(id: string): string {
    return this.read(`${HOME}/runs/${id}/state`).trim();
  }

  /** @param path put before the search path: programs that stand in front of the real ones */
  engine(args: string[], path = '', extra: Record<string, string> = {}): Promise<Ran> {
    const [file, ...before] = this.shell.argv;
    const env = {
      PATH: `${path}${path === '' ? '' : ':'}${this.shell.path ?? '/usr/bin:/bin'}`,
      ROOT: this.root,
      PROC: this.proc,
      ...(this.running ? { OFFLINE: '' } : {}),
      SYNC: 'true',
      WHO: 'test',
      ...extra,
    };
    return new Promise((resolve) => {
      const child = spawn(file, [...before, join(this.root, HOME, 'engine'), ...args], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      child.on('close', (exitCode, signal) => {
        resolve({ exitCode, signal, output });
      });
    });
  }

  /** What depmod does, by whoever it is called: other bytes, further files; cut off, half of one. */
  depmod(): void {
    const folder = join(this.root, MODULES);
    if (readdirSync(folder).length === 0) return;
    for (const [name, text] of [['modules.dep', 'updates/build-kernel/ip_vs.ko:\n'], ['modules.alias.bin', 'made anew'], ['modules.symbols.bin', 'new'], ['modules.dep.4711.12.13', 'half']] as const) {
      writeFileSync(join(folder, name), text);
    }
  }

  /** Everything but the engine's own folder: kind, mode, time, content. */
  snapshot(): Record<string, string> {
    const found: Record<string, string> = {};
    const walk = (folder: string): void => {
      for (const name of readdirSync(join(this.root, folder)).sort()) {
        const path = folder === '' ? name : `${folder}/${name}`;
        if (path === HOME) continue;
        const place = join(this.root, path);
        const info = lstatSync(place);
        if (info.isSymbolicLink()) found[path] = `link ${readlinkSync(place)}`;
        else if (info.isDirectory()) {
          found[path] = `folder ${(info.mode & 0o7777).toString(8)}`;
          walk(path);
        } else found[path] = `file ${(info.mode & 0o7777).toString(8)} ${String(info.uid)}:${String(info.gid)} ${sha256(readFileSync(place))}`;
      }
    };
    walk('');
    return found;
  }

  /** Times of the files that were there at first. */
  times(): Record<string, number> {
    return Object.fromEntries(Object.keys(FILES).map((path) => [path, lstatSync(join(this.root, path)).mtimeMs]));
  }
}

/** Of a kernel that is there already. */
export const MODULES = 'lib/modules/2.6.32-stock';

const FILES: Readonly<Record<string, string>> = {
  'etc/sysctl.conf': 'net.ipv4.ip_forward = 0\n',
  'etc/keepalived.conf': 'global_defs {\n}\n',
  'etc/rc.local': '#!/bin/sh\nexit 0\n',
  'etc/old.conf': 'old\n',
  'boot/grub/menu.lst': 'default 0\ntitle stock\n',
  "etc/it's a file; $(touch x).conf": 'odd\n',
  [`${MODULES}/kernel/ip_vs.ko`]: 'the distribution’s',
  [`${MODULES}/modules.dep`]: 'kernel/ip_vs.ko:\n',
  [`${MODULES}/modules.alias.bin`]: 'alias',
};

const file = (path: string, content: string, part: string, was?: string, extra: Partial<Change> = {}): Change => ({
  path: `/${path}`,
  kind: 'file',
  action: was === undefined ? 'create' : 'change',
  part,
  why: 'test',
  mode: 0o644,
  content,
  before: was === undefined ? 'absent' : sha256(was),
  after: sha256(content),
  ...extra,
});

/** One of every kind of change. */
export function changes(): Change[] {
  return [
    file('boot/grub/menu.lst', 'default 1\ntitle stock\ntitle new\n', MENU_PART, FILES['boot/grub/menu.lst'], { trial: 'default saved\ntitle stock\ntitle new\n' }),
    file('boot/vmlinuz-2.6.32-new', 'k'.repeat(9000), 'kernel'),
    ...Array.from({ length: 4 }, (_, at) => file(`lib/modules/2.6.32-new/kernel/net/m${String(at)}.ko`, `module ${String(at)} `.repeat(700 * at), 'kernel')),
    file('etc/sysctl.conf', 'net.ipv4.ip_forward = 1\n', 'tuning', FILES['etc/sysctl.conf']),
    file('etc/keepalived.conf', 'vrrp\n', 'keepalived', FILES['etc/keepalived.conf'], { mode: 0o600, secret: true }),
    file('etc/build-kernel/gateway', '#!/bin/sh\n', 'rules', undefined, { mode: 0o755 }),
    file("etc/it's a file; $(touch x).conf", '', 'rules', FILES["etc/it's a file; $(touch x).conf"]),
    { path: '/etc/rc3.d/S13irqbalance', kind: 'absent', action: 'remove', part: 'tuning', why: 'test', before: 'link ../init.d/irqbalance', after: 'absent' },
    { path: '/etc/choice.conf', kind: 'link', action: 'change', part: 'services', why: 'test', to: 'new choice.conf', before: 'link old.conf', after: 'link new choice.conf' },
    { path: '/etc/rc3.d/S90gateway', kind: 'link', action: 'create', part: 'services', why: 'test', to: '../../etc/build-kernel/gateway', before: 'absent', after: 'link ../../etc/build-kernel/gateway' },
    { path: '/etc/old.conf', kind: 'absent', action: 'remove', part: 'services', why: 'test', before: sha256(FILES['etc/old.conf'] ?? ''), after: 'absent' },
    file(`${MODULES}/updates/build-kernel/ip_vs.ko`, 'ours', 'kernel'),
    file('etc/init.d/build-kernel-boot', '#!/bin/sh\n', HOOK_PART, undefined, { mode: 0o755 }),
  ];
}

export function plan(list: Change[] = changes(), reboot = false): Plan {
  return { host: 'gw1', id: sha256(JSON.stringify(list)), changes: list, drift: [], reboot, interrupts: [], warnings: [] };
}

export function input(extra: Partial<BundleInput> = {}): BundleInput {
  return { plan: plan(), activate: 'exit 0\n', deactivate: 'exit 0\n', restored: 'exit 0\n', confirmMinutes: 10, ...extra };
}

export function scratchFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'bk-engine-'));
  return { path, remove: () => { rmSync(path, { recursive: true, force: true }); } };
}
