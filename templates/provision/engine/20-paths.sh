# What is at a path, and whether it may be changed.

# S: absent | sha256 | "link TARGET" | other
look() {
  if [ -L "$1" ]; then
    S="link $(readlink "$1")"
  elif [ ! -e "$1" ]; then
    S=absent
  elif [ -f "$1" ]; then
    S=$(sha256sum <"$1") || S=other
    S=${S%% *}
  else
    S=other
  fi
}

# ANCESTOR: the nearest folder of path $1 that exists. MISSING: those between, outermost first, one a line.
ancestor() {
  ANCESTOR=${1%/*}
  MISSING=
  while [ -n "$ANCESTOR" ] && [ ! -d "$ANCESTOR" ]; do
    MISSING="$ANCESTOR
$MISSING"
    ANCESTOR=${ANCESTOR%/*}
  done
  ANCESTOR=${ANCESTOR:-/}
}

# An image's absolute links would lead out of it, into the system it is worked on from.
inside_root() {
  [ -n "$ROOT" ] || return 0
  real=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 1
  case $real/ in "$REAL_ROOT"/*) return 0 ;; *) return 1 ;; esac
}

# Tries to write into folder $1: that a file system is read-only or an immutable flag is set shows before anything is done.
writable() {
  probe=$1/.build-kernel.w~
  (printf '' >"$probe") 2>/dev/null && rm -f "$probe"
}

make_folder() {
  umask 022
  mkdir -p "$1"
  made=$?
  umask 077
  return "$made"
}

# replace BESIDE PATH: rename; mv would go into a folder that PATH, a link, leads to.
replace() {
  if [ -L "$2" ] && [ -d "$2" ]; then rm -f "$2" || return 1; fi
  mv -f "$1" "$2"
}
