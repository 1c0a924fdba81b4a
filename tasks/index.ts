/**
 * What a program may import from the package: reading and checking what builds hand over. All else is the command's.
 */
export { EXIT_STATUS, ExpectedError, type ErrorCode } from './lib/errors.js';
export { artifactFile, MANIFEST_NAME, readManifest, verifyArtifact, type FileKind, type Manifest, type ManifestFile, type ManifestInput } from './lib/manifest.js';
