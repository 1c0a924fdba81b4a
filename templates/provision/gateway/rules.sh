# shellcheck shell=sh
# IPVS rules, from the file rules. What runs is known from a copy of the file that it was made from, so that a reload
# changes only what is to change; pools, zones and rules are in neither ipvsadm -S nor -R.

# What IPVS has, without what only counts: words with an address in them.
rules_now() {
    { ipvsadm -Sn; ipvsadm -G; } 2>/dev/null | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /[.:\[]|^-/) printf "%s ", $i; print "" }'
}

# rules_ours FILE: the same of the services in that file of rules. Others in IPVS are keepalived's, whose servers come and go
# with their health: no reason to make ours anew, which would cut connections off.
rules_ours() {
    { ipvsadm -Sn; ipvsadm -G; } 2>/dev/null | awk '
        rules {
            split($0, field, "\t")
            gsub(/\047/, "", field[5])
            if (split(field[5], word, " ") > 3 && word[2] == "-A") {
                own[word[3] " " word[4]] = 1
                own[word[4]] = 1
            }
            next
        }
        /^-[Aa] / { if (!(($2 " " $3) in own)) next }
        # ipvsadm -G: a service, then its addresses below it.
        /^[0-9.]+:[0-9]+ |^\[.*\]:[0-9]+ / { other = !($1 in own) }
        /^[^ \t]/ && !/^[0-9.]+:[0-9]+ |^\[.*\]:[0-9]+ / { other = 0 }
        other { next }
        { for (i = 1; i <= NF; i++) if ($i ~ /[.:\[]|^-/) printf "%s ", $i; print "" }
    ' rules=1 "$1" rules=0 -
}

# rules_listed NOW COMMAND: every address of the command is among those words
rules_listed() {
    for word in $2; do
        case $word in
        *.*.*.* | *:*:*) ;;
        *) continue ;;
        esac
        case $1 in
        *" ${word%/*} "* | *" ${word%/*}/"*) ;;
        *) return 1 ;;
        esac
    done
}

# rules_change OLD NEW
rules_change() {
    # dsnat's kernel of 2.6.32-279 dereferences NULL (ip_vs_del_laddr) when an address of a zone that is not there is deleted.
    listed=" $(rules_now | tr '\n' ' ') "
    awk -f "${here:-$CONF}/rules.awk" old=1 "$1" old=0 "$2" >"$STATE/rules.todo"
    while read -r sign todo; do
        case $sign in
        -) eval "$todo" >/dev/null 2>&1 ;;
        =) if rules_listed "$listed" "$todo"; then eval "$todo" >/dev/null 2>&1; fi ;;
        +) eval "$todo" || fault "not taken: $todo" ;;
        esac
    done <"$STATE/rules.todo"
    rm -f "$STATE/rules.todo"
}

rules_stop() {
    [ -f "$STATE/rules" ] || return 0
    rules_change "$STATE/rules" /dev/null
    rm -f "$STATE/rules" "$STATE/rules.seen"
}

rules_start() {
    if [ ! -f "$CONF/rules" ]; then
        rules_stop
        return 0
    fi
    # Changed by another meanwhile, or left by one: everything of ours is made anew.
    if [ ! -f "$STATE/rules" ] || [ "$(rules_ours "$STATE/rules")" != "$(cat "$STATE/rules.seen" 2>/dev/null)" ]; then
        if [ -f "$STATE/rules" ]; then rules_change "$STATE/rules" /dev/null; fi
        rules_change "$CONF/rules" /dev/null
        cp /dev/null "$STATE/rules"
    fi
    cp "$CONF/rules" "$STATE/rules.new"
    rules_change "$STATE/rules" "$STATE/rules.new"
    mv "$STATE/rules.new" "$STATE/rules"
    rules_ours "$STATE/rules" >"$STATE/rules.seen"
}

# As they would be typed.
rules_print() { awk -F "$TAB" '!/^#/ && NF >= 6 { print $5 }' "$CONF/rules" 2>/dev/null; }
