import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A small tree with the shape of a kernel: the targets, variables and files that the stages use, real gcc behind
 * them, a handful of objects. Faults are injected by files that a test (or a patch in a test) puts into it.
 * Everything in it is written here; nothing is a kernel's.
 */

const MAKEFILE = String.raw`
VERSION = 2
PATCHLEVEL = 6
SUBLEVEL = 32
KERNELVERSION = $(VERSION).$(PATCHLEVEL).$(SUBLEVEL)
src := $(CURDIR)
O ?= $(src)
CC ?= gcc
-include $(O)/include/config/auto.conf
IPVS := core sched
objs := $(patsubst %,$(O)/kernel/unit%.o,1 2 3 4 5 6 7 8)
kos := $(patsubst %,$(O)/net/netfilter/ipvs/ip_vs_%.ko,$(IPVS))
RELEASE := $(KERNELVERSION)$(subst ",,$(CONFIG_LOCALVERSION))
DELAY ?= 0

kernelversion:
	@echo $(KERNELVERSION)
allnoconfig oldconfig:
	@mkdir -p $(O)/include/config
	@perl $(src)/scripts/kconfig/conf.pl $@ $(src) $(O)
menuconfig:
	@echo CONFIG_HAND=y >> $(O)/.config
prepare: $(O)/include/config/kernel.release
$(O)/include/config/auto.conf: $(O)/.config
	@mkdir -p $(@D); cp $< $@
$(O)/include/config/kernel.release: $(O)/include/config/auto.conf
	@mkdir -p $(@D); echo $(RELEASE) > $@
$(O)/kernel/%.o: $(src)/kernel/%.c $(src)/include/linux/shape.h
	@mkdir -p $(@D); echo "  CC      kernel/$*.o"; sleep $(DELAY)
	@cd $(O) && $(CC) -O1 -I$(src)/include -c -o $@ $<
$(O)/net/netfilter/ipvs/%.o: $(src)/net/netfilter/ipvs/%.c $(src)/include/linux/shape.h
	@mkdir -p $(@D); echo "  CC [M]  net/netfilter/ipvs/$*.o"; sleep $(DELAY)
	@cd $(O) && $(CC) -O1 -I$(src)/include $(CFLAGS_$*.o) -c -o $@ $<
%.ko: %.o
	@cp $< $@
net/netfilter/ipvs/: $(kos:.ko=.o)
net/netfilter/ipvs/%.ko: $(O)/net/netfilter/ipvs/%.ko ;
vmlinux: prepare $(objs)
	@echo "  LD      vmlinux"; ld -r -o $(O)/vmlinux $(objs)
bzImage: vmlinux
	@mkdir -p $(O)/arch/x86/boot; cp $(O)/vmlinux $(O)/arch/x86/boot/bzImage
	@nm $(O)/vmlinux > $(O)/System.map
modules: prepare $(kos)
	@printf 'kernel/net/netfilter/ipvs/ip_vs_%s.ko\n' $(IPVS) > $(O)/net/netfilter/ipvs/modules.order
modules_install:
	@d=$(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/kernel/net/netfilter/ipvs; mkdir -p $$d; cp $(kos) $$d
	@ln -sfn $(src) $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/source; touch $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/modules.order
.PHONY: kernelversion allnoconfig oldconfig menuconfig prepare vmlinux bzImage modules modules_install
.DELETE_ON_ERROR:
`;

/** Kconfig in thirty lines: a symbol takes the value asked for when the symbols it depends on are set. */
const CONF = String.raw`
use strict;
my ($mode, $src, $obj) = @ARGV;
my (%type, %dep, @order, $now);
open my $k, '<', "$src/arch/x86/Kconfig" or die $!;
while (<$k>) {
  if (/^config (\w+)/) { $now = $1; push @order, $now }
  elsif (/^\s+(bool|tristate|string)/) { $type{$now} = $1 }
  elsif (/^\s+depends on (\w+)/) { $dep{$now} = $1 }
}
my %ask;
for my $file ($mode eq 'allnoconfig' ? $ENV{KCONFIG_ALLCONFIG} : "$obj/.config") {
  open my $f, '<', $file or next;
  while (<$f>) { $ask{$1} = $2 if /^CONFIG_(\w+)=(.*)/; $ask{$1} = 'n' if /^# CONFIG_(\w+) is not set/ }
}
my %got;
open my $out, '>', "$obj/.config.new" or die $!;
print $out "#\n# Automatically generated make config: don't edit\n# Linux kernel version: 2.6.32\n# " . ($ENV{KCONFIG_NOTIMESTAMP} ? '' : localtime()) . "\n#\n";
for my $s (@order) {
  my $v = $ask{$s} // ($type{$s} eq 'string' ? '""' : 'n');
  $v = 'n' if $dep{$s} && ($got{$dep{$s}} // 'n') eq 'n';
  $v = 'y' if $type{$s} eq 'bool' && $v eq 'm';
  $got{$s} = $v;
  print $out $v eq 'n' ? "# CONFIG_$s is not set\n" : "CONFIG_$s=$v\n";
}
close $out;
rename "$obj/.config.new", "$obj/.config";
`;

const KCONFIG = `mainmenu "Shape"
config MODULES
	bool "Modules"
config NET
	bool "Network"
config NETFILTER
	bool "Netfilter"
	depends on NET
config IP_VS
	tristate "IPVS"
	depends on NETFILTER
config IP_VS_DEBUG
	bool "IPVS debugging"
	depends on IP_VS
config HAND
	bool "Set by hand"
config LOCALVERSION
	string "Local version"
config LOCALVERSION_AUTO
	bool "Automatic version"
`;

function files(): Record<string, string> {
  const units = Object.fromEntries(
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [
      `kernel/unit${String(n)}.c`,
      `#include <linux/shape.h>\n\n/* unit ${String(n)} */\nint shape_unit${String(n)}(int value)\n{\n\treturn value * SHAPE_FACTOR + ${String(n)};\n}\n\nconst char *shape_file${String(n)}(void)\n{\n\treturn __FILE__;\n}\n`,
    ]),
  );
  return {
    Makefile: MAKEFILE,
    Kbuild: '# top\n',
    'arch/x86/Kconfig': KCONFIG,
    'scripts/kconfig/Makefile': '# oldconfig allnoconfig\n',
    'scripts/kconfig/conf.pl': CONF,
    'scripts/checkpatch.pl': '#!/usr/bin/perl\n',
    'include/linux/shape.h': '#ifndef SHAPE_H\n#define SHAPE_H\n#define SHAPE_FACTOR 3\n#endif\n',
    'net/netfilter/ipvs/Makefile': 'obj-$(CONFIG_IP_VS) += ip_vs_core.o ip_vs_sched.o\n',
    'net/netfilter/ipvs/ip_vs_core.c': '#include <linux/shape.h>\n\nint ip_vs_in(int hook)\n{\n\treturn hook + SHAPE_FACTOR;\n}\n\nint ip_vs_out(int hook)\n{\n\treturn hook - 1;\n}\n',
    'net/netfilter/ipvs/ip_vs_sched.c': '#include <linux/shape.h>\n\nint ip_vs_schedule(int dest)\n{\n#ifdef DEBUG\n\treturn -dest;\n#else\n\treturn dest;\n#endif\n}\n',
    ...units,
  };
}

/** Age of every file: a source is older than what is built from it. Seconds since 1970. */
export const SHAPE_EPOCH = 1_340_000_000;

/** Writes the tree. `over` replaces files (by path) or adds some. */
export function writeKernelShape(into: string, over: Record<string, string> = {}): string {
  for (const [path, text] of Object.entries({ ...files(), ...over })) {
    const to = join(into, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, text);
    if (path.endsWith('.pl')) chmodSync(to, 0o755);
    utimesSync(to, SHAPE_EPOCH, SHAPE_EPOCH);
  }
  return into;
}
