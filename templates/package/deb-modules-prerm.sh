#!/bin/sh
# Replacement modules for kernel @RELEASE@ are about to go.
set -e
release='@RELEASE@'
[ "$1" = remove ] || exit 0
if [ "$(uname -r)" = "$release" ] && [ -d /sys/module/ip_vs ]; then
    echo "IPVS stays loaded as it is. To go back to the kernel's own modules (connections and services are lost: ipvsadm-save first):"
    if [ -e /proc/sys/net/ipv4/vs/snat_guard ]; then
        # It holds back unSNATed packets, and the module, when no service is left. From here on they may pass.
        echo "  sysctl -w net.ipv4.vs.snat_guard=0     (in every network namespace that used it)"
    fi
    echo "  ipvsadm -C; rmmod \$(lsmod | awk '\$1 ~ /^ip_vs_/ {print \$1}') ip_vs; modprobe ip_vs"
fi
exit 0
