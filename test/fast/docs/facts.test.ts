import { describe, expect, it } from 'vitest';
import { documents } from '../../../tasks/docs/index.js';
import { makeIo } from '../../../tasks/lib/io.js';
import { loadFlavours } from '../../../tasks/lib/flavours/catalog.js';
import { show } from '../../../tasks/build/commands/show.js';

/** `build-kernel show NAME` and docs/flavours/NAME.md say the same. */

const made = await documents();
const flavours = await loadFlavours();

/** Markdown's marks, and white space, are no matter. */
const words = (text: string): string => text.replaceAll(/[`<>|\\]|&lt;|<br>/g, ' ').replaceAll(/\s+/g, ' ');

describe.each(flavours.map(({ name }) => name))('show %s', (name) => {
  it('prints nothing that its page does not have', async () => {
    let text = '';
    await show({ ...makeIo({}), print: (part) => void (text += `${part}\n`) }, name);
    const page = words(made.get(`docs/flavours/${name}.md`) ?? '');
    const lines = text.split('\n').filter((line) => line.startsWith('  ')).map((line) => words(line.replace(/^\s+(what is wrong with it|here): /, '')).trim());
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(page).toContain(line);
  });
});

describe('the page of a flavour', () => {
  it('has its sources with their digests, its limits, its add-ons, and the faults of the published lines', () => {
    const page = made.get('docs/flavours/dsnat-220.md') ?? '';
    for (const { git, sha256 } of flavours.find(({ name }) => name === 'dsnat-220')?.patches ?? []) {
      expect(page).toContain(git?.commit);
      expect(page).toContain(sha256);
    }
    expect(page).toContain('567E347AD0044ADE55BA8A5F199E2F91FD431D51');
    expect(page).toContain('--with chroute');
    expect(page).toContain("| `# echo >> /etc/rc.local << 'EOF'` | echo reads no standard input");
    expect(page).toMatch(/`ipvsadm –A –t 0\.0\.0\.0:0 –s rr` \| The dashes are en dashes/);
    // What the tools are told has none.
    expect(page).toContain('    ipvsadm -A -t 0.0.0.0:0 -s rr\n');
  });
});
