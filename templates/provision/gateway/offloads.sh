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

offloads_start() { # [DEVICE]
    if [ ! -s "$CONF/offloads" ] && [ ! -s "$CONF/rings" ]; then return 0; fi
    if ! command -v ethtool >/dev/null 2>&1; then
        fault "ethtool is missing: offloads and ring sizes stay as they are"
        return 0
    fi
    while read -r device feature name value; do
        if [ -n "$1" ] && [ "$device" != "$1" ]; then continue; fi
        was=$(feature_now "$device" "$name")
        # What the driver does not know is off.
        : "${was:=off}"
        remember offloads "$device $feature" "$was"
        [ "$was" = "$value" ] && continue
        ethtool -K "$device" "$feature" "$value" >/dev/null 2>&1
        now=$(feature_now "$device" "$name")
        if [ "$now" != "$value" ]; then fault "$feature of $device is ${now:-unknown}, not $value"; fi
    done <"$CONF/offloads"
    while read -r device way size; do
        if [ -n "$1" ] && [ "$device" != "$1" ]; then continue; fi
        if [ "$size" = max ]; then size=$(ring "$device" "$way" max); fi
        was=$(ring "$device" "$way" now)
        if [ -z "$size" ] || [ -z "$was" ]; then
            fault "$device does not tell the size of its $way ring"
            continue
        fi
        remember rings "$device $way" "$was"
        [ "$was" = "$size" ] && continue
        ethtool -G "$device" "$way" "$size" >/dev/null 2>&1
        now=$(ring "$device" "$way" now)
        if [ "$now" != "$size" ]; then fault "the $way ring of $device has $now entries, not $size"; fi
    done <"$CONF/rings"
}

offloads_stop() {
    command -v ethtool >/dev/null 2>&1 || return 0
    if [ -f "$STATE/offloads" ]; then
        while IFS="$TAB" read -r key was; do
            ethtool -K "${key% *}" "${key#* }" "$was" >/dev/null 2>&1
        done <"$STATE/offloads"
        rm -f "$STATE/offloads"
    fi
    if [ -f "$STATE/rings" ]; then
        while IFS="$TAB" read -r key was; do
            ethtool -G "${key% *}" "${key#* }" "$was" >/dev/null 2>&1
        done <"$STATE/rings"
        rm -f "$STATE/rings"
    fi
}
