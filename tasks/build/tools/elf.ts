import { open, readFile } from 'node:fs/promises';

/** Facts about an ELF file that decide whether it runs on its target; see elf(5). */
export interface ElfFacts {
  /** 2: executable at a fixed address, 3: position independent or shared. */
  type: number;
  /** 62: x86-64. */
  machine: number;
  /** Path of the dynamic loader, if it needs one. */
  interpreter?: string;
  /** True when it has a dynamic section (static-pie files have one and no interpreter). */
  dynamic: boolean;
  /** Search paths for libraries that were linked in. */
  runPath: boolean;
  /** Oldest kernel that its C library starts on (NT_GNU_ABI_TAG), e.g. [3, 2, 0]: glibc leaves this note, musl does not. */
  oldestKernel?: [number, number, number];
}

export const EM_X86_64 = 62;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;
const DT_RPATH = 15n;
const DT_RUNPATH = 29n;

/** True when a file begins like an ELF file. */
export async function isElf(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(4);
    const { bytesRead } = await handle.read(head, 0, 4, 0);
    return bytesRead === 4 && head.equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
  } finally {
    await handle.close();
  }
}

function abiTag(notes: Buffer): [number, number, number] | undefined {
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = notes.readUInt32LE(at);
    const size = notes.readUInt32LE(at + 4);
    const type = notes.readUInt32LE(at + 8);
    const data = at + 12 + ((nameSize + 3) & ~3);
    if (type === 1 && size >= 16 && data + 16 <= notes.length && notes.toString('latin1', at + 12, at + 15) === 'GNU') {
      return [notes.readUInt32LE(data + 4), notes.readUInt32LE(data + 8), notes.readUInt32LE(data + 12)];
    }
    at = data + ((size + 3) & ~3);
  }
  return undefined;
}

/**
 * Reads a 64-bit little-endian ELF file's headers.
 * @returns undefined when it is none (or cut off)
 */
export async function readElf(path: string): Promise<ElfFacts | undefined> {
  const file = await readFile(path);
  if (file.length < 64 || file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== 2 || file[5] !== 1) return undefined;
  const facts: ElfFacts = { type: file.readUInt16LE(16), machine: file.readUInt16LE(18), dynamic: false, runPath: false };
  const table = Number(file.readBigUInt64LE(32));
  const entrySize = file.readUInt16LE(54);
  const entries = file.readUInt16LE(56);
  for (let index = 0; index < entries; index += 1) {
    const at = table + index * entrySize;
    if (at + 56 > file.length) return undefined;
    const type = file.readUInt32LE(at);
    const offset = Number(file.readBigUInt64LE(at + 8));
    const segment = file.subarray(offset, offset + Number(file.readBigUInt64LE(at + 32)));
    if (type === PT_INTERP) facts.interpreter = segment.toString('latin1').replace(/\0.*$/s, '');
    if (type === PT_NOTE) facts.oldestKernel ??= abiTag(segment);
    if (type === PT_DYNAMIC) {
      facts.dynamic = true;
      for (let entry = 0; entry + 16 <= segment.length; entry += 16) {
        const tag = segment.readBigUInt64LE(entry);
        if (tag === DT_RPATH || tag === DT_RUNPATH) facts.runPath = true;
      }
    }
  }
  return facts;
}
