import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sha256Of } from './shape-flavour.js';

/**
 * A distribution whose kernel is the kernel-shaped tree: its header packages, laid out as Debian's (a generated Makefile
 * and links with installed paths), in a mirror folder. Real gcc compiles the modules.
 */

export const SHAPE_RELEASE = '2.6.32-1-shape';
export const SHAPE_VERSION = '2.6.32-1';

/** kbuild for modules of a folder: what of its files the stages read. A symbol's CRC is the length of its prototype. */
const COMMON = String.raw`
common := $(dir $(lastword $(MAKEFILE_LIST)))
include .config
include $(M)/Makefile
mods := $(patsubst %.o,%,$(obj-m))
modules: $(patsubst %,$(M)/%.ko,$(mods))
	@printf '$(M)/%s.ko\n' $(mods) > $(M)/modules.order
	@for m in $(mods); do awk -v m=$(M)/$$m '/^int /{n=$$2; sub(/\(.*/,"",n); printf "0x%08x\t%s\t%s\tEXPORT_SYMBOL\t\n", length($$0), n, m}' $(M)/$$m.c; done > $(M)/Module.symvers
$(M)/%.o: $(M)/%.c
	@echo "  CC [M]  $@"
	@$(CC) -g -O1 -I$(common)include $(CFLAGS_$*.o) -Wp,-MMD,$(M)/.$*.o.cmd -c -o $@ $<
	@echo $@ > $(M)/$*.mod
$(M)/%.ko: $(M)/%.o
	@printf 'static const char v[] __attribute__((section(".modinfo"), used)) = "vermagic=${SHAPE_RELEASE} SMP mod_unload ";\n' > $(M)/$*.mod.c
	@echo "  CC [M]  $(M)/$*.mod.o"
	@$(CC) -c -o $(M)/$*.mod.o $(M)/$*.mod.c
	@ld -r --build-id=sha1 -o $@ $< $(M)/$*.mod.o
.PHONY: modules
.SECONDARY:
.DELETE_ON_ERROR:
`;

const symbol = (prototype: string): string => {
  const [, name = '', module = ''] = /^int (\w+)\(.* (\w+)$/.exec(prototype) ?? [];
  const line = prototype.replace(/ \w+$/, '');
  return `0x${line.length.toString(16).padStart(8, '0')}\t${name}\tnet/netfilter/ipvs/${module}\tEXPORT_SYMBOL\t\n`;
};

const HEADERS = `/usr/src/linux-headers-${SHAPE_RELEASE}`;
const FILES: Record<string, Record<string, string>> = {
  'linux-headers-shape': {},
  [`linux-headers-${SHAPE_RELEASE}`]: {
    [`${HEADERS}/Makefile`]: 'include /usr/src/linux-headers-2.6.32-1-common/Makefile\n',
    [`${HEADERS}/.config`]: 'CONFIG_IP_VS=m\nCONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\n',
    [`${HEADERS}/include/generated/utsrelease.h`]: `#define UTS_RELEASE "${SHAPE_RELEASE}"\n`,
    [`${HEADERS}/Module.symvers`]: ['int ip_vs_in(int hook) ip_vs_core', 'int ip_vs_out(int hook) ip_vs_core', 'int ip_vs_schedule(int dest) ip_vs_sched'].map(symbol).join(''),
  },
  'linux-headers-2.6.32-1-common': {
    '/usr/src/linux-headers-2.6.32-1-common/Makefile': COMMON,
    '/usr/src/linux-headers-2.6.32-1-common/include/linux/shape.h': '#ifndef SHAPE_H\n#define SHAPE_H\n#define SHAPE_FACTOR 3\n#endif\n',
  },
  'linux-kbuild-2.6': { '/usr/lib/linux-kbuild-2.6/scripts/Kbuild.include': '# nothing\n' },
};
const DEPENDS: Record<string, string> = {
  'linux-headers-shape': `linux-headers-${SHAPE_RELEASE} (= ${SHAPE_VERSION})`,
  [`linux-headers-${SHAPE_RELEASE}`]: `linux-headers-2.6.32-1-common (= ${SHAPE_VERSION}), linux-kbuild-2.6 (>= ${SHAPE_VERSION}), linux-compiler-gcc-12-x86`,
};

/**
 * Writes the packages into a mirror folder (for --offline --mirror).
 * @param version of all packages
 */
export function headersMirror(folder: string, version = SHAPE_VERSION): string {
  for (const [name, files] of Object.entries(FILES)) {
    const root = join(folder, 'build', name);
    mkdirSync(join(root, 'DEBIAN'), { recursive: true });
    const depends = DEPENDS[name] ? `Depends: ${DEPENDS[name]}\n` : '';
    writeFileSync(join(root, 'DEBIAN/control'), `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: a <a@example.org>\n${depends}Description: d\n`);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    if (name === `linux-headers-${SHAPE_RELEASE}`) symlinkSync('/usr/lib/linux-kbuild-2.6/scripts', join(root, HEADERS, 'scripts'));
    const place = join(folder, 'apt/bin', name, version);
    mkdirSync(place, { recursive: true });
    const file = `${name}_${version}_all.deb`;
    execFileSync('dpkg-deb', ['--root-owner-group', '-b', root, join(place, file)], { stdio: 'ignore' });
    const data = readFileSync(join(place, file));
    const entry = { package: name, version, source: false, from: 'here', fetched: '2012-06-18T00:00:00.000Z', provenBy: 'apt', files: [{ name: file, size: statSync(join(place, file)).size, sha256: sha256Of(data) }] };
    writeFileSync(`${place}.json`, JSON.stringify(entry));
  }
  execFileSync('rm', ['-r', join(folder, 'build')]);
  return folder;
}
