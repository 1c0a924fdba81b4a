# shellcheck shell=sh
# iptables: chains of our own (BK-…), each replaced as a whole and at once by iptables-restore, and a jump to each from the
# built-in chain. The host's own rules are never touched. Files: iptables and ip6tables (open), *.closed (nothing passes from
# inside to outside), hooks (FAMILY TABLE CHAIN OURS).

tables() { if [ "$1" = -6 ]; then echo ip6tables; else echo iptables; fi; }

chain_has() { # FAMILY TABLE CHAIN OURS
    "$(tables "$1")" -t "$2" -S "$3" 2>/dev/null | while read -r line; do
        if [ "$line" = "-A $3 -j $4" ]; then echo yes; fi
    done
}

netfilter_load() { # open|closed
    for family in -4 -6; do
        program=$(tables $family)
        file=$CONF/$program
        if [ "$1" = closed ]; then file=$file.closed; fi
        [ -f "$file" ] || continue
        if ! command -v "$program" >/dev/null 2>&1; then
            fault "$program is missing: nothing stops what leaves untranslated"
            continue
        fi
        # A current iptables warns of revisions that an old kernel lacks, and uses the one that it has.
        said=$("$program-restore" --noflush <"$file" 2>&1) || fault "$program does not take $file: $said"
    done
    while read -r family table chain ours; do
        program=$(tables "$family")
        command -v "$program" >/dev/null 2>&1 || continue
        if ! "$program" -t "$table" -S "$ours" >/dev/null 2>&1; then continue; fi
        if [ -z "$(chain_has "$family" "$table" "$chain" "$ours")" ]; then
            "$program" -t "$table" -I "$chain" 1 -j "$ours" || fault "no jump to $ours in $table $chain"
        fi
    done <"$CONF/hooks"
    netfilter_prune
    cp "$CONF/hooks" "$STATE/hooks"
    echo "$1" >"$STATE/guard"
}

# Chains that the gateway had and has no longer: their rules would go on.
netfilter_prune() {
    [ -f "$STATE/hooks" ] || return 0
    while read -r family table chain ours; do
        if ! has "$CONF/hooks" "$family $table $chain $ours"; then netfilter_drop; fi
    done <"$STATE/hooks"
}

# The chain of $family, $table, $chain and $ours, and the jump to it.
netfilter_drop() {
    program=$(tables "$family")
    command -v "$program" >/dev/null 2>&1 || return 0
    while [ -n "$(chain_has "$family" "$table" "$chain" "$ours")" ]; do
        "$program" -t "$table" -D "$chain" -j "$ours" || break
    done
    "$program" -t "$table" -F "$ours" 2>/dev/null
    "$program" -t "$table" -X "$ours" 2>/dev/null
    return 0
}

netfilter_remove() {
    [ -f "$STATE/hooks" ] || return 0
    while read -r family table chain ours; do netfilter_drop; done <"$STATE/hooks"
    rm -f "$STATE/hooks" "$STATE/guard"
}
