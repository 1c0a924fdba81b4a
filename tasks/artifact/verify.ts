import { join, resolve } from 'node:path';
import { exists } from '../lib/files.js';
import type { Io } from '../lib/io.js';
import { verifyArtifact } from '../lib/manifest.js';
import { GPG_SIGNATURE, SSH_SIGNATURE } from '../lib/supply/names.js';
import { checkSignatures, type Trusted } from './signatures.js';

/** `build-kernel verify-artifact FOLDER`: every file against manifest and SHA256SUMS, and SHA256SUMS against a signature. */

/** @throws ExpectedError package (a file is missing, differs or is not named), trust (signature) */
export async function verifyArtifactCommand(io: Io, folder: string, trusted: Trusted): Promise<void> {
  const dir = resolve(folder);
  const manifest = await verifyArtifact(dir);
  const signers = await checkSignatures(dir, trusted);
  const unchecked = signers.length > 0 ? [] : (await Promise.all([GPG_SIGNATURE, SSH_SIGNATURE].map(async (name) => ((await exists(join(dir, name))) ? [name] : [])))).flat();
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  io.result({ flavour: manifest.flavour, release: manifest.release, files: manifest.files.length, bytes, signedBy: signers, unchecked, inputs: manifest.inputs, command: manifest.command, warnings: manifest.warnings });
  io.print(`${manifest.flavour} ${manifest.release}: ${String(manifest.files.length)} files as the manifest says.`);
  if (signers.length > 0) io.print(`Signed by ${signers.join(' and ')}.`);
  else if (unchecked.length > 0) io.print(`${unchecked.join(' and ')} not checked: give --keyring FILE or --allowed-signers FILE.`);
  else io.print('Not signed: whoever can write the folder can change it. build-kernel sign signs it.');
  for (const { name, digest, trust } of manifest.inputs) io.print(`  from ${name} (${digest.slice(0, 12)}, ${trust.how})`);
  for (const warning of manifest.warnings) io.print(`  beware: ${warning}`);
}
