/** Files that stand beside an artifact's or image's own. */

export const SBOM_NAME = 'sbom.cdx.json';
export const SUMS_NAME = 'SHA256SUMS';
/** Detached signatures of a list of sums: by OpenPGP, and by an ssh key (ssh-keygen's own ending). */
export const gpgSignature = (sums: string): string => `${sums}.asc`;
export const sshSignature = (sums: string): string => `${sums}.sig`;

/** Files of an image that is one file. */
export const besideImage = (image: string): { manifest: string; sbom: string; sums: string } => ({ manifest: `${image}.json`, sbom: `${image}.cdx.json`, sums: `${image}.sha256` });
