# shellcheck shell=sh
# Public addresses that the gateway has no longer, while connections of IPVS still use them. An answer to an address that is
# the host's no more is forwarded, dsnat's IPVS takes it for the client's and sends it back where it came from, and its
# receiver answers: thousands of packets a second for as long as the connection lasts. So such an address stays until
# its last connection has ended. File draining: ADDRESS/PREFIX DEVICE<tab>connections.

# drain_used: of the addresses on standard input (ADDRESS/PREFIX DEVICE) those in use, with the number of connections.
drain_used() {
    if [ ! -r "$PROC/net/ip_vs_conn" ]; then return 0; fi
    awk 'table {
            for (i = 2; i <= NF; i++) if ($i in wanted) count[$i]++
            next
        }
        {
            split($1, part, /[.\/]/)
            hex = sprintf("%02X%02X%02X%02X", part[1], part[2], part[3], part[4])
            wanted[hex] = $0
        }
        END { for (hex in count) printf "%s\t%d\n", wanted[hex], count[hex] }' - table=1 "$PROC/net/ip_vs_conn"
}

# draining ADDRESS/PREFIX DEVICE: did it stay?
draining() { recall draining "$1" >/dev/null; }

# Looks again until the last one has gone; one at a time.
drain_watch() {
    if [ ! -s "$STATE/draining" ]; then
        rm -f "$STATE/draining" "$STATE/drain.pid"
        return 0
    fi
    if [ -f "$STATE/drain.pid" ] && [ -d "/proc/$(cat "$STATE/drain.pid")" ]; then return 0; fi
    (
        trap '' HUP
        while sleep "${BUILD_KERNEL_DRAIN:-30}" && [ -s "$STATE/draining" ]; do "${here:-$CONF}/gateway" drain; done
    ) </dev/null >/dev/null 2>&1 &
    echo $! >"$STATE/drain.pid"
}
