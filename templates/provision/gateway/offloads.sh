# shellcheck shell=sh
# Offloads and ring sizes with ethtool, from the files offloads (DEVICE FEATURE LONG-NAME on|off) and rings (DEVICE rx|tx SIZE|max).
# A driver may take a change and revert it without a word: every one is read back.

feature_now() { # DEVICE LONG-NAME
    ethtool -k "$1" 2>/dev/null | while read -r name value _; do
        if [ "$name" = "$2:" ]; then echo "$value"; fi
    done
}

# Rings as "max N" and "now N", from the two tables of ethtool -g.
ring() { # DEVICE rx|tx max|now
    ethtool -g "$1" 2>/dev/null | while read -r first second _; do
        case "$first $second" in
        Pre-set*) table=max ;;
        Current*) table=now ;;
        "RX: "*) if [ "$2" = rx ] && [ "$table" = "$3" ]; then echo "$second"; fi ;;
        "TX: "*) if [ "$2" = tx ] && [ "$table" = "$3" ]; then echo "$second"; fi ;;
        esac
    done
}

offload_set() { # DEVICE FEATURE LONG-NAME on|off
    was=$(feature_now "$1" "$3")
    # What the driver does not know is off.
    : "${was:=off}"
    remember offloads "$1 $2" "$was"
    echo "$1 $2" >>"$STATE/offloads.wanted"
    [ "$was" = "$4" ] && return 0
    ethtool -K "$1" "$2" "$4" >/dev/null 2>&1
    now=$(feature_now "$1" "$3")
    if [ "$now" != "$4" ]; then fault "$2 of $1 is ${now:-unknown}, not $4"; fi
}

ring_set() { # DEVICE rx|tx SIZE|max
    size=$3
    if [ "$size" = max ]; then size=$(ring "$1" "$2" max); fi
    was=$(ring "$1" "$2" now)
    if [ -z "$size" ] || [ -z "$was" ]; then
        fault "$1 does not tell the size of its $2 ring"
        return 0
    fi
    remember rings "$1 $2" "$was"
    echo "$1 $2" >>"$STATE/rings.wanted"
    [ "$was" = "$size" ] && return 0
    ethtool -G "$1" "$2" "$size" >/dev/null 2>&1
    now=$(ring "$1" "$2" now)
    if [ "$now" != "$size" ]; then fault "the $2 ring of $1 has $now entries, not $size"; fi
}

# What others are made of glues packets together before they are theirs.
offload_devices() { # DEVICE FEATURE
    case $2 in
    gro | lro)
        below "$1" | while read -r _part; do
            if [ "$_part" = "$1" ] || ! offload_said "$_part" "$2"; then echo "$_part"; fi
        done
        ;;
    *) echo "$1" ;;
    esac
}

offload_said() { # DEVICE FEATURE
    while read -r _device _feature _; do
        if [ "$_device $_feature" = "$1 $2" ]; then return 0; fi
    done <"$CONF/offloads"
    return 1
}

offloads_start() { # [DEVICE]
    if [ ! -s "$CONF/offloads" ] && [ ! -s "$CONF/rings" ] && [ ! -f "$STATE/offloads" ] && [ ! -f "$STATE/rings" ]; then return 0; fi
    if ! command -v ethtool >/dev/null 2>&1; then
        fault "ethtool is missing: offloads and ring sizes stay as they are"
        return 0
    fi
    rm -f "$STATE/offloads.wanted" "$STATE/rings.wanted"
    while read -r device feature name value; do
        for part in $(offload_devices "$device" "$feature"); do
            if [ -n "$1" ] && [ "$device" != "$1" ] && [ "$part" != "$1" ]; then continue; fi
            offload_set "$part" "$feature" "$name" "$value"
        done
    done <"$CONF/offloads"
    while read -r device way size; do
        if [ -n "$1" ] && [ "$device" != "$1" ]; then continue; fi
        ring_set "$device" "$way" "$size"
    done <"$CONF/rings"
    if [ -z "$1" ]; then offloads_give_back; fi
    rm -f "$STATE/offloads.wanted" "$STATE/rings.wanted"
}

# What is in no list of wanted ones gets back what it had.
offloads_give_back() {
    for list in offloads rings; do
        [ -f "$STATE/$list" ] || continue
        if [ $list = offloads ]; then option=-K; else option=-G; fi
        cp "$STATE/$list" "$STATE/$list.old"
        while IFS="$TAB" read -r key was; do
            if has "$STATE/$list.wanted" "$key"; then continue; fi
            ethtool $option "${key% *}" "${key#* }" "$was" >/dev/null 2>&1
            forget $list "$key"
        done <"$STATE/$list.old"
        rm -f "$STATE/$list.old"
    done
}

offloads_stop() {
    command -v ethtool >/dev/null 2>&1 || return 0
    rm -f "$STATE/offloads.wanted" "$STATE/rings.wanted"
    offloads_give_back
}
