# shellcheck shell=sh
# Kernel settings from the files sysctls and forwarding: path below /proc/sys and value. Every one is read back.

# Values of several numbers come back with tabs between them.
folded() {
    # shellcheck disable=SC2046,SC2086
    set -- $1
    echo "$*"
}

sysctl_set() {
    file=/proc/sys/$1
    if [ ! -e "$file" ]; then
        fault "kernel $(uname -r) has no setting $1"
        return 0
    fi
    was=$(folded "$(cat "$file")")
    # Remembered also when it is the same: another may change it later, and that is not what was here before.
    remember sysctls "$1" "$was"
    if [ "$was" = "$2" ]; then return 0; fi
    echo "$2" >"$file" 2>/dev/null
    now=$(folded "$(cat "$file")")
    if [ "$now" != "$2" ]; then fault "$1 is $now, not $2"; fi
}

sysctls_from() {
    while read -r name value; do sysctl_set "$name" "$value"; done <"$CONF/$1"
}

# Settings that are the gateway's no longer get the value back that they had; all: every one.
sysctls_prune() {
    [ -f "$STATE/sysctls" ] || return 0
    cp "$STATE/sysctls" "$STATE/sysctls.old"
    while IFS="$TAB" read -r name value; do
        # nat-snat's own barrier stays closed until remove.
        if [ "$1" = all ] && [ "$name" = net/ipv4/vs/snat_guard ]; then continue; fi
        for list in sysctls forwarding; do
            [ "$1" = all ] && break
            while read -r each _; do
                if [ "$each" = "$name" ]; then continue 3; fi
            done <"$CONF/$list"
        done
        if [ -e "/proc/sys/$name" ]; then echo "$value" >"/proc/sys/$name" 2>/dev/null; fi
        forget sysctls "$name"
    done <"$STATE/sysctls.old"
    rm -f "$STATE/sysctls.old"
}

forwarding_stop() {
    while read -r name _; do
        if was=$(recall sysctls "$name"); then echo "$was" >"/proc/sys/$name"; fi
        forget sysctls "$name"
    done <"$CONF/forwarding"
}

# Before the network is up there may be no device yet, but what IPVS does by default is settled as soon as it is loaded.
sysctls_early() {
    while read -r name value; do
        case $name in net/ipv4/vs/*) sysctl_set "$name" "$value" ;; esac
    done <"$CONF/sysctls"
}

guard_setting_restore() {
    was=$(recall sysctls net/ipv4/vs/snat_guard) || return 0
    if [ -e /proc/sys/net/ipv4/vs/snat_guard ]; then echo "$was" >/proc/sys/net/ipv4/vs/snat_guard; fi
    forget sysctls net/ipv4/vs/snat_guard
}
