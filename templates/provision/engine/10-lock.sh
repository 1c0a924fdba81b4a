# The lock is a link whose text names its holder: made whole or not at all. A dead holder's lock is not removed but
# taken over by a link named after the dead one, so that of two who see it dead only one gets it.
LOCKED=

start_of() {
  START=
  if [ -r "/proc/$1/stat" ] && read -r stat_line 2>/dev/null <"/proc/$1/stat"; then
    # The name in brackets may hold anything; the 22nd field is the 20th after it.
    # shellcheck disable=SC2086
    set -- ${stat_line##*) }
    [ $# -lt 20 ] || START=${20}
  fi
}

# holder TEXT: PID-START-BOOT-WHO → alive?
alive() {
  holder_pid=${1%%-*}
  holder_rest=${1#*-}
  holder_start=${holder_rest%%-*}
  holder_rest=${holder_rest#*-}
  word /proc/sys/kernel/random/boot_id
  case $holder_rest in "$(printf '%s' "$WORD" | tr -d -- -)"-*) ;; *) return 1 ;; esac
  start_of "$holder_pid"
  [ -n "$START" ] && [ "$START" = "$holder_start" ]
}

# Follows the lock and its take-overs: HOLDER is the one alive, or LAST the dead one to take over from.
walk() {
  HOLDER=
  LAST=
  link=$HOME_DIR/lock
  while [ -L "$link" ]; do
    LAST=$(readlink "$link") || return 0
    if alive "$LAST"; then
      HOLDER=$LAST
      return 0
    fi
    link=$HOME_DIR/lock.over.$LAST
  done
}

lock() {
  start_of $$
  word /proc/sys/kernel/random/boot_id
  ME=$$-$START-$(printf '%s' "$WORD" | tr -d -- -)-$(printf '%s' "$WHO" | tr -c 'A-Za-z0-9.@:_' _ | head -c 80)
  tries=${1:-1}
  races=0
  while :; do
    walk
    if [ -z "$HOLDER" ]; then
      claim=$HOME_DIR/lock${LAST:+.over.$LAST}
      ln -s "$ME" "$claim" 2>/dev/null || :
      walk
      if [ "$HOLDER" = "$ME" ]; then
        LOCKED=yes
        # From here nobody else can get it, so that the chain of the dead can be cut.
        [ "$claim" = "$HOME_DIR/lock" ] || { ln -s "$ME" "$HOME_DIR/lock.$$" && mv -f "$HOME_DIR/lock.$$" "$HOME_DIR/lock"; }
        rm -f "$HOME_DIR"/lock.over.*
        return 0
      fi
      [ "$(readlink "$claim" 2>/dev/null)" != "$ME" ] || rm -f "$claim"
      # Another had it and gave it back between two looks: nobody to name, and no reason to give up.
      if [ -z "$HOLDER" ] && [ "$races" -lt 100 ] && ln -s "$ME" "$HOME_DIR/lock.$$" 2>/dev/null; then
        rm -f "$HOME_DIR/lock.$$"
        races=$((races + 1))
        continue
      fi
    fi
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || break
    sleep 1
  done
  [ -n "$HOLDER" ] || fail "$REFUSED" "cannot make a lock in $HOME_DIR (disk full or read-only?)"
  holder_who=${HOLDER#*-*-*-}
  RUN=
  say "busy: process ${HOLDER%%-*} ($holder_who) is changing this host"
  exit "$BUSY"
}

unlock() {
  [ -z "$LOCKED" ] || rm -f "$HOME_DIR/lock"
  LOCKED=
}
