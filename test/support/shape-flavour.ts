import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SHAPE_EPOCH, writeKernelShape } from './kernel-shape.js';

/** A data folder (--flavours) with flavours on the kernel-shaped tree. */

export interface ShapeData {
  /** The folder for --flavours. */
  folder: string;
  /** The base's tarball. */
  tarball: string;
}

export const PATCH = `--- a/net/netfilter/ipvs/ip_vs_core.c
+++ b/net/netfilter/ipvs/ip_vs_core.c
@@ -2,7 +2,7 @@

 int ip_vs_in(int hook)
 {
-	return hook + SHAPE_FACTOR;
+	return hook + SHAPE_FACTOR + 40;
 }

 int ip_vs_out(int hook)
`.replaceAll('\n\n', '\n \n');

export function sha256Of(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Packs a folder as a tarball with fixed times; `top` is the folder in it. */
export function packTree(tree: string, tarball: string, top: string): void {
  execFileSync('tar', ['-cjf', tarball, '--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mode=ug+w', `--mtime=@${String(SHAPE_EPOCH)}`, `--transform=s,^\\.,${top},`, '-C', tree, '.']);
}

export function writeFlavour(folder: string, name: string, yaml: string): void {
  mkdirSync(join(folder, 'flavours'), { recursive: true });
  writeFileSync(join(folder, 'flavours', `${name}.yaml`), `name: ${name}\n${yaml}`);
}

/** Writes a base, its tarball, a patch, fragments and the flavours shape (patched) and shape-plain. */
export function shapeData(scratch: string, url?: (tarball: string) => string): ShapeData {
  const folder = join(scratch, 'data');
  for (const part of ['bases', 'config', 'compat', 'flavours']) mkdirSync(join(folder, part), { recursive: true });
  const tree = writeKernelShape(join(scratch, 'shape-tree'));
  const tarball = join(scratch, 'shape-2.6.32.tar.bz2');
  packTree(tree, tarball, 'linux-2.6.32');
  writeFileSync(
    join(folder, 'bases', 'shape.yaml'),
    `name: shape
summary: a kernel-shaped tree
layout: tarball
source:
  kind: file
  name: shape-2.6.32.tar.bz2
  urls: ["${url?.(tarball) ?? `file://${tarball}`}"]
  sha256: ${sha256Of(readFileSync(tarball))}
release: 2.6.32-1.el6
compat: shape
config:
  gateway: [config/shape.config]
`,
  );
  writeFileSync(join(folder, 'compat', 'shape.yaml'), 'name: shape\nsummary: nothing\nsteps: [{gcc: ">=5", cc: [-fno-pie]}]\n');
  writeFileSync(join(folder, 'config', 'shape.config'), 'CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_NETFILTER=y\nCONFIG_IP_VS=m\n');
  writeFileSync(join(folder, 'core.patch'), PATCH);
  writeFlavour(
    folder,
    'shape',
    `summary: the shape with a patch\norigin: here\nbase: shape\nsuffix: .shape\npatches:\n  - file: core.patch\n    sha256: ${sha256Of(PATCH)}\n`,
  );
  writeFlavour(folder, 'shape-plain', 'summary: the shape\norigin: here\nbase: shape\nsuffix: .plain\n');
  return { folder, tarball };
}
