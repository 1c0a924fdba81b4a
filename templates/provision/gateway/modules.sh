# shellcheck shell=sh
# Kernel modules that the gateway needs, from the file modules: one name a line.

loaded() {
    [ -d "/sys/module/$1" ] && return 0
    [ -r /proc/modules ] || return 1
    while read -r _each _rest; do
        if [ "$_each" = "$1" ]; then return 0; fi
    done </proc/modules
    return 1
}

# Replacement modules count once depmod has seen them. The distribution's own are found again the same way when they go.
index_modules() {
    own="/lib/modules/$(uname -r)/updates/build-kernel"
    [ -d "$own" ] || return 0
    if ! grep -q '^updates/build-kernel/' "/lib/modules/$(uname -r)/modules.dep" 2>/dev/null; then depmod -a; fi
}

# ip_vs as it is loaded is not the one wanted: another file's, or its table has another size.
stale_ip_vs() {
    loaded ip_vs || return 1
    if [ -n "$IP_VS_MARK" ] && [ ! -e "$IP_VS_MARK" ]; then return 0; fi
    bits=/sys/module/ip_vs/parameters/conn_tab_bits
    if [ -n "$IP_VS_BITS" ] && [ -r "$bits" ] && [ "$(cat "$bits")" != "$IP_VS_BITS" ]; then return 0; fi
    return 1
}

# All connections of IPVS are lost with it, and what keepalived has made of it: who starts keepalived looks for the mark.
unload_ip_vs() {
    : >"$STATE/ip_vs.anew"
    [ -e /proc/sys/net/ipv4/vs/snat_guard ] && echo 0 >/proc/sys/net/ipv4/vs/snat_guard
    if command -v ipvsadm >/dev/null 2>&1; then ipvsadm -C 2>/dev/null; fi
    for module in /sys/module/ip_vs_*; do
        if [ -e "$module/initstate" ]; then rmmod "${module##*/}" 2>/dev/null; fi
    done
    rmmod ip_vs 2>/dev/null
}

# Conntrack's buckets may be changed while it is in use; where it is built in, or was loaded before, that is the only way.
buckets_start() {
    hashsize=$SYS/module/nf_conntrack/parameters/hashsize
    if [ -z "$CONNTRACK_BUCKETS" ]; then
        buckets_stop
        return 0
    fi
    was=$(cat "$hashsize" 2>/dev/null)
    if [ -z "$was" ]; then
        fault "kernel $(uname -r) does not tell the buckets of conntrack"
        return 0
    fi
    remember buckets hashsize "$was"
    if [ "$was" = "$CONNTRACK_BUCKETS" ]; then return 0; fi
    echo "$CONNTRACK_BUCKETS" 2>/dev/null >"$hashsize"
    now=$(cat "$hashsize")
    if [ "$now" != "$CONNTRACK_BUCKETS" ]; then fault "conntrack has $now buckets, not $CONNTRACK_BUCKETS"; fi
}

buckets_stop() {
    was=$(recall buckets hashsize) || return 0
    echo "$was" 2>/dev/null >"$SYS/module/nf_conntrack/parameters/hashsize"
    rm -f "$STATE/buckets"
}

modules_start() {
    index_modules
    if stale_ip_vs; then
        unload_ip_vs || fault "ip_vs is loaded and cannot be replaced now: a reboot brings the gateway's own"
    fi
    while read -r module; do
        loaded "$module" && continue
        modprobe "$module" 2>/dev/null
        loaded "$module" || fault "module $module cannot be loaded into kernel $(uname -r)"
    done <"$CONF/modules"
    buckets_start
}
