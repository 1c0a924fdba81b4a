// npm links a bin only as executable as the file is; tsc writes 0644.
import { chmodSync } from 'node:fs';
chmodSync(new URL('../dist/cli.js', import.meta.url), 0o755);
