import { constants } from 'node:fs';
import { access, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { hasProgram, run } from '../../lib/exec.js';
import { remove } from '../../lib/files.js';

/** The emulator: what is there, and whether it can use the hardware. */

const PROGRAM = 'qemu-system-x86_64';
/** -netdev stream, which joins guests over unix sockets. */
const VMS_NEEDS = 7.2;
/** hubport netdevs and -nodefaults behave as used here. */
const NEEDS = 4;

export interface Qemu {
  program: string;
  /** 7.2.22 */
  version: string;
  accelerator: 'kvm' | 'tcg';
  /** Why KVM is not used. */
  noKvm?: string;
}

/** Boot sector: mov al,0x10; out 0xf4,al; hlt. With isa-debug-exit at 0xf4 QEMU then ends with status 0x10 * 2 + 1. */
const TRIAL = Buffer.concat([Buffer.from([0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]), Buffer.alloc(503), Buffer.from([0x55, 0xaa])]);
const TRIAL_STATUS = 33;
/** KVM that needs longer than emulation (nested virtualisation can be ten times slower) gains nothing; noise of a busy host is not that. */
const SLOWER = 2;
const NOISE = 400;
const EMULATED_TIMEOUT = 20_000;

/** @returns milliseconds that the trial took */
async function trial(image: string, accelerator: 'kvm' | 'tcg', cpu: string, timeout: number): Promise<number> {
  const drive = `file=${image},format=raw,if=ide`;
  const began = performance.now();
  await run(
    [PROGRAM, '-nodefaults', '-no-user-config', '-display', 'none', '-accel', accelerator, '-cpu', cpu, '-m', '16', '-drive', drive, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
    { ok: [TRIAL_STATUS], timeout },
  );
  return performance.now() - began;
}

/**
 * Runs a boot sector, emulated and with KVM: a /dev/kvm that may be opened can still refuse a CPU model, or crawl.
 * @returns why KVM cannot be used; undefined when it can
 */
async function kvmFault(cpu: string): Promise<string | undefined> {
  const allowed = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!allowed) return '/dev/kvm is missing or this user may not open it';
  const folder = await mkdtemp(join(tmpdir(), 'bk-'));
  try {
    const image = join(folder, 'trial');
    await writeFile(image, TRIAL);
    const emulated = await trial(image, 'tcg', 'qemu64', EMULATED_TIMEOUT);
    await trial(image, 'kvm', cpu, Math.ceil(emulated * SLOWER + NOISE));
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpectedError) || error.code === 'interrupted') throw error;
    return error.why?.split('\n').slice(1).join('\n') ?? error.what;
  } finally {
    await remove(folder);
  }
}

/**
 * Finds QEMU.
 * @throws ExpectedError environment: not installed, or too old for the topology
 */
export async function findQemu(topology: 'netns' | 'vms'): Promise<Pick<Qemu, 'program' | 'version'>> {
  if (!(await hasProgram(PROGRAM))) {
    throw new ExpectedError({
      code: 'environment',
      what: `${PROGRAM} is not installed.`,
      fix: 'build-kernel doctor --install --for verify installs it (Debian and Ubuntu: qemu-system-x86, Fedora: qemu-system-x86-core).',
    });
  }
  const { stdout } = await run([PROGRAM, '--version']);
  const version = /version (\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1] ?? '0';
  const number = Number(/^\d+\.\d+/.exec(version)?.[0]);
  const needs = topology === 'vms' ? VMS_NEEDS : NEEDS;
  if (number >= needs) return { program: PROGRAM, version };
  throw new ExpectedError({
    code: 'environment',
    what: `QEMU ${version} is too old for the ${topology} topology, which needs ${String(needs)} or later.`,
    fix: topology === 'vms' && number >= NEEDS ? 'Use --topology netns, or install a newer QEMU.' : 'Install a newer QEMU.',
  });
}

/**
 * Chooses how guests run.
 * @param cpu model that guests get under KVM
 * @param wanted forces an accelerator; by default KVM when it can be used
 * @throws ExpectedError environment: KVM was asked for and cannot be used
 */
export async function chooseAccelerator(qemu: Pick<Qemu, 'program' | 'version'>, cpu: string, wanted?: 'kvm' | 'tcg'): Promise<Qemu> {
  const fault = wanted === 'tcg' ? undefined : await kvmFault(cpu);
  if (wanted === 'kvm' && fault !== undefined) {
    throw new ExpectedError({
      code: 'environment',
      what: 'KVM cannot be used here.',
      why: fault,
      fix: 'Leave out --accel kvm (emulation works everywhere, slower), or join the group kvm on a host with virtualisation.',
    });
  }
  return { ...qemu, ...(fault === undefined ? {} : { noKvm: fault }), accelerator: wanted ?? (fault === undefined ? 'kvm' : 'tcg') };
}
