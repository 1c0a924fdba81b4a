# Indexes of a kernel's modules (modules.dep and its like): depmod writes them anew whenever modules come or go, by itself
# never the same bytes. They are kept before a run's first change and given back when the modules are what they were.

# Names, sizes and times of the modules below folder $1, as a digest.
module_set() {
  du -a "$1" 2>/dev/null | {
    set --
    while read -r blocks name; do
      case $name in *.ko | *.ko.?z | *.ko.zst) ;; *) continue ;; esac
      set -- "$@" "$name"
      [ $# -lt 100 ] || { stat -c '%n %s %Y' "$@"; set --; }
    done
    [ $# -eq 0 ] || stat -c '%n %s %Y' "$@"
  } | sort | sha256sum
}

# KiB of the indexes of folder $1.
index_size() {
  INDEX_KIB=0
  for index in "$1"/modules.*; do
    [ -f "$index" ] || continue
    index_bytes=$(wc -c <"$index") || index_bytes=0
    INDEX_KIB=$((INDEX_KIB + index_bytes / 1024 + 8))
  done
}

keep_indexes() {
  kept=$RUN/old/$n
  [ ! -d "$kept" ] || return 0
  rm -rf "$kept.new" && mkdir -p "$kept.new" || return 1
  for index in "$target"/modules.*; do
    [ ! -f "$index" ] || cp -a "$index" "$kept.new/" || return 1
  done
  module_set "$target" >"$kept.new/set" || return 1
  mv -f "$kept.new" "$kept"
}

# When the run's own modules are gone.
give_indexes_back() {
  kept=$RUN/old/$n
  [ -d "$kept" ] && [ -d "$target" ] || return 0
  if [ "$(module_set "$target")" != "$(cat "$kept/set")" ]; then
    note "$path: others changed modules since: its indexes are made anew"
    depmod ${ROOT:+-b "$ROOT"} -a "$block" >>"$RUN/log" 2>&1 3<&- || say "note: depmod -a $block failed: run it by hand"
    return 0
  fi
  # What depmod made, or left half-made, beside those that were there.
  for index in "$target"/modules.*; do
    [ ! -f "$index" ] || [ -e "$kept/${index##*/}" ] || rm -f "$index" || return 1
  done
  for index in "$kept"/modules.*; do
    [ ! -f "$index" ] || copy_back "$index" "$target/${index##*/}" || return 1
  done
}
