# Sourced by the scripts beside it. Where things are, what was there before, and how it is said.
# shellcheck shell=sh
PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
export PATH
LC_ALL=C
export LC_ALL
CONF=${BUILD_KERNEL_CONF:-/etc/build-kernel}
STATE=${BUILD_KERNEL_STATE:-/var/run/build-kernel}
SYS=${BUILD_KERNEL_SYS:-/sys}
PROC=${BUILD_KERNEL_PROC:-/proc}
TAB='	'
failed=0

say() { echo "build-kernel: $*"; }

# Something does not hold; the rest goes on, the exit status tells.
fault() {
    echo "build-kernel: $*" >&2
    if command -v logger >/dev/null 2>&1; then logger -t build-kernel -p daemon.err -- "$*" 2>/dev/null || :; fi
    failed=1
}

# What was there before is remembered for this boot only: EL6's /var/run is on the disk.
begin() {
    mkdir -p "$STATE" && chmod 0700 "$STATE" || return 1
    boot=$(cat /proc/sys/kernel/random/boot_id)
    if [ "$(cat "$STATE/boot" 2>/dev/null)" != "$boot" ]; then
        rm -f "$STATE"/*
        echo "$boot" >"$STATE/boot"
    fi
}

# One at a time: interfaces' hooks, a reload and the drain come as they like. Who has waited a minute goes on all the same.
turn() {
    _tries=0
    while ! ln -s $$ "$STATE/turn" 2>/dev/null; do
        _tries=$((_tries + 1))
        _holder=$(readlink "$STATE/turn" 2>/dev/null)
        if [ -n "$_holder" ] && { [ $_tries -gt 60 ] || [ ! -d "/proc/$_holder" ]; }; then
            mv -f "$STATE/turn" "$STATE/turn.$$" 2>/dev/null && rm -f "$STATE/turn.$$"
        else
            sleep 1
        fi
    done
    trap 'rm -f "$STATE/turn"' EXIT
}

# Names that begin with _ are theirs: a POSIX shell has no local ones, and callers loop over key and value.

# remember LIST KEY VALUE: the first value of a key is what was there before us.
remember() {
    if recall "$1" "$2" >/dev/null; then return 0; fi
    printf '%s\t%s\n' "$2" "$3" >>"$STATE/$1"
}

# recall LIST KEY: prints the value; 1 when there is none.
recall() {
    [ -f "$STATE/$1" ] || return 1
    while IFS="$TAB" read -r _key _value; do
        if [ "$_key" = "$2" ]; then
            printf '%s\n' "$_value"
            return 0
        fi
    done <"$STATE/$1"
    return 1
}

# forget LIST KEY
forget() {
    [ -f "$STATE/$1" ] || return 0
    while IFS="$TAB" read -r _key _value; do
        if [ "$_key" != "$2" ]; then printf '%s\t%s\n' "$_key" "$_value"; fi
    done <"$STATE/$1" >"$STATE/$1.new"
    mv "$STATE/$1.new" "$STATE/$1"
}

# has FILE LINE: the file has exactly this line.
has() {
    [ -f "$1" ] || return 1
    while read -r _each; do
        if [ "$_each" = "$2" ]; then return 0; fi
    done <"$1"
    return 1
}

# below DEVICE: it, and what it is made of, for what only the hardware does: ports of a bond or a bridge, what a VLAN is on.
below() {
    echo "$1"
    for _lower in "$SYS/class/net/$1"/lower_* "$SYS/class/net/$1"/brif/*; do
        if [ -L "$_lower" ] || [ -d "$_lower" ]; then
            _lower=${_lower##*/}
            echo "${_lower#lower_}"
        fi
    done | sort -u | below_each
    # 2.6.32 has no such links.
    set -- "$1" "$SYS/class/net/$1"/lower_*
    if [ -L "$2" ] || [ -d "$2" ]; then return 0; fi
    if [ -r "$SYS/class/net/$1/bonding/slaves" ]; then tr ' ' '\n' <"$SYS/class/net/$1/bonding/slaves" | below_each; fi
    if [ -r "$PROC/net/vlan/$1" ]; then
        while read -r _word _lower _rest; do
            if [ "$_word" = Device: ]; then echo "$_lower"; fi
        done <"$PROC/net/vlan/$1" | below_each
    fi
    return 0
}

below_each() {
    while read -r _each; do [ -z "$_each" ] || below "$_each"; done
}
