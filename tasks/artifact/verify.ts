import { join, resolve } from 'node:path';
import { ExpectedError } from '../lib/errors.js';
import { exists } from '../lib/files.js';
import { IMAGE_MANIFEST, verifyImageFiles } from '../lib/image-manifest.js';
import type { Io } from '../lib/io.js';
import { verifyArtifact } from '../lib/manifest.js';
import { oneLine } from '../lib/report/text.js';
import { gpgSignature, sshSignature } from '../lib/supply/names.js';
import { sealed } from '../lib/supply/sums.js';
import { checkSignatures, type Trusted } from './signatures.js';

/** `build-kernel verify-artifact PATH`: every file against manifest and list of sums, and that list against a signature. */

interface Checked {
  /** For --json. */
  result: Record<string, unknown>;
  files: number;
  name: string;
  notes: string[];
}

async function artifact(dir: string): Promise<Checked> {
  const { flavour, release, files, inputs, command, warnings } = await verifyArtifact(dir);
  return {
    result: { flavour, release, files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), inputs, command, warnings },
    files: files.length,
    name: `${flavour} ${release}`,
    notes: [...inputs.map(({ name, digest, trust }) => `from ${name} (${digest.slice(0, 12)}, ${trust.how})`), ...warnings.map((warning) => `beware: ${warning}`)],
  };
}

async function image(path: string): Promise<Checked> {
  const { kind, host, flavour, release, files, inputs, verified } = await verifyImageFiles(path);
  return {
    result: { kind, host, flavour, release, files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), inputs, verified },
    files: files.length,
    name: `${kind} ${host}, ${flavour} ${release}`,
    notes: [...(kind === 'oci' ? [] : [verified ? 'it was booted and its checks held before it was kept' : 'beware: nobody booted it (--no-verify)']), `from gateway.yaml (${inputs.gateway.slice(0, 12)}) and the artifact's ${String(Object.keys(inputs.artifact).length)} files`],
  };
}

/**
 * @param path folder of an artifact or of an appliance, or the file of an image
 * @throws ExpectedError usage (no such path), package (a file is missing, differs or is not named), trust (signature)
 */
export async function verifyArtifactCommand(io: Io, path: string, trusted: Trusted): Promise<void> {
  if (!(await exists(path))) throw new ExpectedError({ code: 'usage', what: `There is no ${path}.`, fix: 'Name the folder of an artifact or appliance, or the file of an image.' });
  const { folder, sums, names } = await sealed(path);
  const isImage = names !== undefined || (await exists(join(folder, IMAGE_MANIFEST)));
  const { result, files, name, notes } = isImage ? await image(resolve(path)) : await artifact(folder);
  const signers = await checkSignatures(join(folder, sums), trusted);
  const unchecked: string[] = [];
  if (signers.length === 0) for (const signature of [gpgSignature(sums), sshSignature(sums)]) if (await exists(join(folder, signature))) unchecked.push(signature);
  io.result({ ...result, signedBy: signers, unchecked });
  io.print(`${oneLine(name)}: ${String(files)} ${files === 1 ? 'file' : 'files'} as the manifest says.`);
  if (signers.length > 0) io.print(`Signed by ${signers.join(' and ')}.`);
  else if (unchecked.length > 0) io.print(`${unchecked.join(' and ')} not checked: give --keyring FILE or --allowed-signers FILE.`);
  else io.print('Not signed: whoever can write there can change it. build-kernel sign signs it.');
  for (const note of notes) io.print(`  ${oneLine(note)}`);
}
