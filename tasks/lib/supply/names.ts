/** Files that stand beside an artifact's or image's own. */

export const SBOM_NAME = 'sbom.cdx.json';
export const SUMS_NAME = 'SHA256SUMS';
/** Detached signatures of SHA256SUMS: by OpenPGP, and by an ssh key. */
export const GPG_SIGNATURE = `${SUMS_NAME}.asc`;
export const SSH_SIGNATURE = `${SUMS_NAME}.sig`;
