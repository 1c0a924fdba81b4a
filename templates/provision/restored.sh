# The files of before are back: what they say comes into effect again.
PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
export PATH
release=$(uname -r)
# The replacement module is still loaded, its file has gone: the distribution's own is the next one.
if [ -e /proc/sys/net/ipv4/vs/snat_guard ] && [ ! -d "/lib/modules/$release/updates/build-kernel" ]; then
    echo 0 >/proc/sys/net/ipv4/vs/snat_guard
    ipvsadm -C 2>/dev/null
    for module in /sys/module/ip_vs_*; do [ ! -e "$module/initstate" ] || rmmod "${module##*/}" 2>/dev/null; done
    rmmod ip_vs 2>/dev/null
fi
# Early at a boot what is started comes by itself; only what systemd has read already is told anew, and not waited for.
if [ "$BUILD_KERNEL_BOOTING" = yes ]; then
    if [ -d /run/systemd/system ]; then
        systemctl --no-block daemon-reload
        for unit in irqbalance keepalived; do
            if [ "$(systemctl is-enabled "$unit.service" 2>/dev/null)" = enabled ]; then systemctl --no-block start "$unit.service"; fi
        done
    fi
    exit 0
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if command -v udevadm >/dev/null 2>&1; then udevadm control --reload; fi
    for unit in irqbalance keepalived; do
        if [ "$(systemctl is-enabled "$unit.service" 2>/dev/null)" = enabled ]; then systemctl restart "$unit.service"; fi
    done
    if [ -x /etc/build-kernel/gateway ]; then systemctl restart build-kernel-guard.service build-kernel-gateway.service; fi
else
    rc=/etc/rc.d
    [ -d "$rc/init.d" ] || rc=/etc
    if [ -x /etc/build-kernel/gateway ]; then "$rc/init.d/build-kernel-gateway" start </dev/null; fi
    for name in irqbalance keepalived; do
        for start in "$rc/rc3.d/S"[0-9][0-9]"$name"; do
            if [ -x "$start" ]; then "$start" restart >/dev/null 2>&1 </dev/null; fi
        done
    done
fi
exit 0
