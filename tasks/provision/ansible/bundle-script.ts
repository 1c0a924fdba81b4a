import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bundle } from '../run/index.js';

/**
 * A bundle as one file that a host unpacks by itself: a shell script with the bundle's files behind it, each from a block's
 * start. Ansible's `script` carries it over without Python on the host.
 */

const BLOCK = 4096;

interface Piece {
  name: string;
  mode: number;
  size: number;
  from: { file: string } | { text: string };
}

/**
 * @param path file that is written
 * @param unpack the functions (templates/ansible/unpack.sh)
 * @param engine text of the engine, which is put in its place first
 */
export async function writeBundleScript(path: string, bundle: Pick<Bundle, 'id' | 'folder' | 'files'>, unpack: string, engine: string): Promise<void> {
  const pieces: Piece[] = [
    { name: '../../engine', mode: 0o700, size: Buffer.byteLength(engine), from: { text: engine } },
    ...bundle.files.map(({ name, size }) => ({ name, mode: 0o600, size, from: { file: join(bundle.folder, name) } })),
  ];
  const handle = await open(path, 'w', 0o700);
  try {
    await handle.writeFile(pad(Buffer.from(head(bundle.id, pieces, unpack))));
    for (const { from, size } of pieces) {
      if ('text' in from) await handle.writeFile(Buffer.from(from.text));
      else for await (const chunk of createReadStream(from.file) as AsyncIterable<Buffer>) await handle.writeFile(chunk);
      await handle.writeFile(Buffer.alloc(fill(size)));
    }
  } finally {
    await handle.close();
  }
}

const fill = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;
const pad = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc(fill(data.length), '\n')]);

/** The offsets stand in the head, whose own length they follow from: made again until it is the length it says. */
function head(id: string, pieces: readonly Piece[], unpack: string): string {
  let blocks = 1;
  for (;;) {
    const text = headWith(id, pieces, unpack, blocks);
    const needs = Math.ceil(Buffer.byteLength(text) / BLOCK);
    if (needs === blocks) return text;
    blocks = needs;
  }
}

function headWith(id: string, pieces: readonly Piece[], unpack: string, blocks: number): string {
  let at = blocks;
  const lines = pieces.map(({ name, size, mode }) => {
    const line = `  piece ${name} ${String(at)} ${String(size)} ${mode.toString(8)}`;
    at += Math.ceil(size / BLOCK);
    return line;
  });
  return `#!/bin/sh
# Puts a run of build-kernel on this host: its files lie behind the script. Nothing else is changed yet.
id=${id}
piece_of_engine() {
${lines[0] ?? ''}
}
pieces() {
${lines.join('\n')}
}
${unpack}`;
}
