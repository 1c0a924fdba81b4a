#!/bin/sh
# Replacement modules for kernel @RELEASE@: depmod finds them in updates/ before the kernel's own.
set -e
release='@RELEASE@'
modules='@MODULES@'
[ "$1" = configure ] || exit 0

if [ ! -d "/lib/modules/$release/kernel" ]; then
    echo "Kernel $release is not installed here: these modules are of no use before it is." >&2
    exit 0
fi
depmod -a "$release"

# The fifth byte of the firmware's variable is its value.
for variable in /sys/firmware/efi/efivars/SecureBoot-*; do
    [ -r "$variable" ] || continue
    if [ "$(od -An -t u1 -j 4 -N 1 "$variable" | tr -d ' ')" = 1 ]; then
        echo "Secure Boot is on: the kernel refuses these modules until they are signed with a machine owner key:" >&2
        echo "  kmodsign sha512 MOK.priv MOK.der /lib/modules/$release/updates/build-kernel/NAME.ko   (see mokutil --import)" >&2
    fi
done

if [ "$(uname -r)" != "$release" ]; then
    echo "The modules are used when kernel $release is booted; $(uname -r) is running."
elif [ -d /sys/module/ip_vs ]; then
    echo "IPVS modules are loaded already. To change to these (connections and services are lost: ipvsadm-save first):"
    if [ -e /proc/sys/net/ipv4/vs/snat_guard ]; then
        echo "  sysctl -w net.ipv4.vs.snat_guard=0     (in every network namespace that used it)"
    fi
    echo "  ipvsadm -C; rmmod \$(lsmod | awk '\$1 ~ /^ip_vs_/ {print \$1}') ip_vs; modprobe ip_vs"
else
    echo "modprobe ip_vs loads them: $modules."
fi
exit 0
