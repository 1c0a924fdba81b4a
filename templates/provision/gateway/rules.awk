# Turns one list of rules into another with as little as possible undone between: what both have is not touched, and what
# is new is made before what is old goes, where both can be there at once. Prints "- COMMAND" (may fail: it is gone
# already), "= COMMAND" (only if its addresses
# are listed) and "+ COMMAND" (must not fail). The same as `change` in tasks/lib/gateway/steps.ts.
#
# Both files: key, parent, list, stays, add, remove, edit; tab-separated, "-" for none. awk -f rules.awk old=1 OLD old=0 NEW
BEGIN { FS = "\t" }
/^#/ || NF < 6 { next }
old {
    was[++olds] = $1; before[$1] = $5; up[olds] = $2; olist[olds] = $3; stays[olds] = $4; undo[olds] = $6
    if ($3 != "-") placed[$3, ++length_of[$3]] = $1
    next
}
{ is[++news] = $1; parent[news] = $2; list[news] = $3; add[news] = $5; edit[news] = $7; after[$1] = 1 }

function print_undone(which,    i, key) {
    for (i = olds; i >= 1; i--) {
        key = was[i]
        if (!gone(key, which)) continue
        if (up[i] != "-" && (up[i] in before) && gone(up[i], which) && stays[i] == "-") continue
        print (stays[i] == "-" ? "- " : "= ") undo[i]
    }
}
function gone(key, which) { return which == 1 ? (key in first) : !(key in keep) && !(key in first) }

END {
    for (i = 1; i <= news; i++) {
        key = is[i]
        same = (key in before) && (before[key] == add[i] || edit[i] != "-") && (parent[i] == "-" || (parent[i] in keep))
        if (list[i] != "-") {
            place = ++places[list[i]]
            if (!same || (list[i] in broken) || placed[list[i], place] != key) { broken[list[i]] = 1; same = 0 }
        }
        if (same) keep[key] = 1
    }
    # What is made anew under its old key, and lists whose order counts, must be gone first.
    for (i = 1; i <= olds; i++) {
        key = was[i]
        if (!(key in keep) && ((key in after) || olist[i] != "-" || (up[i] != "-" && (up[i] in first)))) first[key] = 1
    }
    print_undone(1)
    for (i = 1; i <= news; i++) {
        key = is[i]
        if (!(key in keep)) print "+ " add[i]
        else if (before[key] != add[i] && edit[i] != "-") print "+ " edit[i]
    }
    print_undone(0)
}
