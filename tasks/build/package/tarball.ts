import { create } from 'tar';
import type { Entry } from './tree.js';

/**
 * Packs a staged root, to be unpacked in `/`. The same entries give the same bytes: sorted, owner 0:0, one time,
 * plain modes, and a gzip header without name and time.
 * @param epoch seconds since 1970
 */
export async function makeTarball(file: string, root: string, entries: readonly Entry[], epoch: number): Promise<void> {
  await create(
    {
      file,
      cwd: root,
      gzip: { level: 9 },
      // Leaves out owner, inode, access time; sets plain modes.
      portable: true,
      noDirRecurse: true,
      mtime: new Date(epoch * 1000),
      // `portable` leaves out the time of folders, and EL6's tar complains of each: "implausibly old time stamp".
      onWriteEntry: (entry) => {
        entry.noMtime = false;
      },
    },
    // A name that begins with @ would be read as an archive to include.
    entries.map(({ path }) => (path.startsWith('@') ? `./${path}` : path)),
  );
}
