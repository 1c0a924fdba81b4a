# shellcheck shell=sh
# Addresses, routes and MTU. Only what is not there already is added, and only what was added is taken away: what was there
# at first is remembered as "=".

present() { # ADDRESS DEVICE
    case "$(ip -o addr show dev "$2" 2>/dev/null)" in *" ${1%/*}/"*) return 0 ;; esac
    return 1
}

# An MTU that is said no longer is what it was.
mtus_prune() { # [all]
    [ -f "$STATE/mtus" ] || return 0
    cp "$STATE/mtus" "$STATE/mtus.old"
    while IFS="$TAB" read -r device mtu; do
        if [ "$1" != all ] && mtu_said "$device"; then continue; fi
        ip link set dev "$device" mtu "$mtu" 2>/dev/null
        forget mtus "$device"
    done <"$STATE/mtus.old"
    rm -f "$STATE/mtus.old"
}

mtu_said() { # DEVICE
    while read -r _device _mtu; do
        if [ "$_device" = "$1" ] && [ "$_mtu" != - ]; then return 0; fi
    done <"$CONF/links"
    return 1
}

links_start() {
    mtus_prune
    while read -r device mtu; do
        if [ ! -e "/sys/class/net/$device" ]; then
            fault "there is no interface $device"
            continue
        fi
        if [ "$mtu" != - ]; then
            remember mtus "$device" "$(cat "/sys/class/net/$device/mtu")"
            [ "$(cat "/sys/class/net/$device/mtu")" = "$mtu" ] || ip link set dev "$device" mtu "$mtu" || fault "$device does not take an MTU of $mtu"
        fi
        ip link set dev "$device" up || fault "$device does not come up"
    done <"$CONF/links"
}

# Ours that are said no longer.
addresses_gone() {
    while IFS="$TAB" read -r address device; do
        if [ "$device" != = ] && ! has "$CONF/addresses" "$address"; then echo "$address"; fi
    done <"$STATE/addresses.old"
}

addresses_prune() { # [all]
    [ -f "$STATE/addresses" ] || return 0
    cp "$STATE/addresses" "$STATE/addresses.old"
    rm -f "$STATE/draining"
    if [ "$1" != all ]; then addresses_gone | drain_used >"$STATE/draining"; fi
    while IFS="$TAB" read -r address device; do
        if [ "$1" != all ] && { has "$CONF/addresses" "$address" || draining "$address"; }; then continue; fi
        [ "$device" = = ] || ip addr del "${address% *}" dev "$device" 2>/dev/null
        forget addresses "$address"
    done <"$STATE/addresses.old"
    rm -f "$STATE/addresses.old"
    drain_watch
}

# A public address of IPv6 is deprecated, as keepalived makes it: who names it uses it, the host itself sends by its own.
address_add() { # ADDRESS DEVICE
    case $1 in *:*/128) ip addr add "$1" dev "$2" preferred_lft 0 2>/dev/null && return 0 ;; esac
    ip addr add "$1" dev "$2"
}

addresses_start() {
    addresses_prune
    while read -r address device; do
        if present "$address" "$device"; then
            remember addresses "$address $device" =
            continue
        fi
        if address_add "$address" "$device"; then remember addresses "$address $device" "$device"; else fault "$device does not take the address $address"; fi
    done <"$CONF/addresses"
}

# route_now FAMILY DESTINATION: what there is, as words for ip route replace: without what only the kernel says of it.
route_now() {
    _route=
    # shellcheck disable=SC2046
    set -- $(ip -o "$1" route show "$2" 2>/dev/null | head -n 1 | tr -d '\134')
    while [ $# -gt 0 ]; do
        case $1 in
        linkdown | dead | offload | rt_offload | trap | rt_trap | pervasive) ;;
        expires) [ $# -lt 2 ] || shift ;;
        *) _route="$_route $1" ;;
        esac
        shift
    done
    echo "${_route# }"
}

routes_prune() {
    [ -f "$STATE/routes" ] || return 0
    cp "$STATE/routes" "$STATE/routes.old"
    while IFS="$TAB" read -r key was; do
        if [ "$1" != all ] && has "$CONF/routes" "$key"; then continue; fi
        # shellcheck disable=SC2086
        set -- "$1" $key
        # shellcheck disable=SC2086
        case $was in
        =) ;;
        none) ip "$2" route del "$3" via "$4" dev "$5" 2>/dev/null ;;
        *)
            ip "$2" route replace $was 2>/dev/null
            # Ours stays beside one with a metric.
            ip "$2" route del "$3" via "$4" dev "$5" 2>/dev/null
            ;;
        esac
        forget routes "$key"
    done <"$STATE/routes.old"
    rm -f "$STATE/routes.old"
}

routes_start() {
    routes_prune
    while read -r family destination via device; do
        if [ -n "$(ip "$family" route show "$destination" via "$via" dev "$device" 2>/dev/null)" ]; then
            remember routes "$family $destination $via $device" =
            continue
        fi
        was=$(route_now "$family" "$destination")
        if ip "$family" route replace "$destination" via "$via" dev "$device"; then
            remember routes "$family $destination $via $device" "${was:-none}"
        else
            fault "no route to $destination by $via on $device"
        fi
    done <"$CONF/routes"
}

network_start() {
    links_start
    addresses_start
    routes_start
}

network_stop() {
    routes_prune all
    addresses_prune all
    mtus_prune all
}
