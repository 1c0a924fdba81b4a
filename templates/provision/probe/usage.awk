# Counts the entries of a connection table by public address. Works in gawk, mawk and busybox's awk.
# RANGES: "FIRST-LAST …", hexadecimal, 8 or 32 digits. Prints "use ADDRESS PROTOCOL ENTRIES PORTS" for each address and
# protocol, "state PROTOCOL STATE ENTRIES" for all.
function hex(text, parts, n, i, out) {
  if (index(text, ":") == 0) {
    n = split(text, parts, ".")
    if (n == 1) return toupper(text)
    return sprintf("%02X%02X%02X%02X", parts[1], parts[2], parts[3], parts[4])
  }
  gsub(/[][]/, "", text)
  n = split(text, parts, ":")
  if (n != 8 || text ~ /::/) return ""
  out = ""
  for (i = 1; i <= n; i++) { while (length(parts[i]) < 4) parts[i] = "0" parts[i]; out = out parts[i] }
  return toupper(out)
}
# Strings of one length compare as numbers do.
function inside(word, i) {
  for (i = 1; i <= ranges; i++) if (length(word) == length(first[i]) && (word "") >= (first[i] "") && (word "") <= (last[i] "")) return 1
  return 0
}
function known(text) {
  if (!(text in memo)) { memo[text] = hex(text); if (!inside(memo[text])) memo[text] = "" }
  return memo[text]
}
function count(word, protocol, port) {
  entries[word " " protocol]++
  if (!((word, protocol, port) in seen)) { seen[word, protocol, port] = 1; ports[word " " protocol]++ }
}
BEGIN {
  ranges = split(RANGES, pairs, " ")
  for (i = 1; i <= ranges; i++) { split(pairs[i], two, "-"); first[i] = two[1]; last[i] = two[2] }
}
TABLE == "ipvs" && NR > 1 {
  protocol = tolower($1)
  found = ""
  for (i = 2; i < NF && length($i) >= 8 && length($(i + 1)) == 4; i += 2)
    if (found == "") { found = known($i); if (found != "") count(found, protocol, $(i + 1)) }
  states[protocol " " $i]++
}
TABLE == "conntrack" {
  protocol = ($1 == "ipv4" || $1 == "ipv6") ? $3 : $1
  replies = 0; address = ""; port = ""; state = "NONE"
  for (i = 1; i <= NF; i++) {
    if ($i ~ /^src=/) { replies++; if (replies == 1 && $(i - 1) ~ /^[A-Z_]+$/) state = $(i - 1) }
    else if (replies == 2 && $i ~ /^dst=/) address = substr($i, 5)
    else if (replies == 2 && $i ~ /^dport=/) port = substr($i, 7)
  }
  if (address != "" && (found = known(address)) != "") count(found, protocol, port)
  states[protocol " " state]++
}
END {
  for (key in entries) print "use " key " " entries[key] " " ports[key]
  for (key in states) print "state " key " " states[key]
}
