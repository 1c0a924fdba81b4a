# shellcheck shell=sh
# IPVS rules: the file rules makes them, rules.clear takes them away. What runs is taken away by the rules.clear that it
# was started with: zones and pools of before may be others than those of now.

rules_stop() {
    [ -f "$STATE/rules.clear" ] || return 0
    sh "$STATE/rules.clear" >/dev/null 2>&1
    rm -f "$STATE/rules.clear"
}

rules_start() {
    rules_stop
    [ -f "$CONF/rules" ] || return 0
    if [ -f "$CONF/rules.clear" ]; then
        cp "$CONF/rules.clear" "$STATE/rules.clear"
        # Leftovers of somebody else, or of a start that was cut off.
        sh "$CONF/rules.clear" >/dev/null 2>&1
    fi
    sh -e "$CONF/rules" || fault "the rules were not all taken: sh -ex $CONF/rules shows which"
}
