export { folderTarget, localTarget } from './local.js';
export { SshTarget } from './ssh.js';
export type { SshSettings } from './ssh-options.js';
