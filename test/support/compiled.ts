import { readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../tasks/lib/exec.js';
import { packageRoot } from '../../tasks/lib/paths.js';

/** Tests of the command run dist/. Compiled from older sources, it would make them fail, or pass, for nothing. */
export default async function setup(): Promise<void> {
  const stamp = join(packageRoot, 'dist/.tsbuildinfo');
  const compiled = await stat(stamp).then(({ mtimeMs }) => mtimeMs, () => 0);
  const sources = (await readdir(join(packageRoot, 'tasks'), { recursive: true })).filter((name) => name.endsWith('.ts')).map((name) => join('tasks', name));
  const changed = await Promise.all([...sources, 'tsconfig.json', 'tsconfig.build.json'].map(async (name) => (await stat(join(packageRoot, name))).mtimeMs));
  if (Math.max(...changed) <= compiled) return;
  process.stderr.write('dist/ is older than tasks/: compiling it\n');
  await run(['npm', 'run', '--silent', 'prepare'], { cwd: packageRoot });
  // tsc leaves the stamp alone when only times differ.
  await utimes(stamp, new Date(), new Date());
}
