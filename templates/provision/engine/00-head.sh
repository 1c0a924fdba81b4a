#!/bin/sh
# build-kernel's engine: changes a host by a plan, and back. POSIX sh; uses coreutils (or busybox's), nothing else.
# Every state change is a file, a link or an absence, named in runs/ID/index. Killed at any moment and run again, a
# command goes on; after a power cut `engine boot` takes an unfinished run back.
#
# index: tab-separated, in order:
#   number kind path mode before after part block length phase
# kind file|link|absent|initramfs|modules; before, after: sha256, "link TARGET" or "absent"; content: file payload.PART
# from block BLOCK of 4096 bytes, LENGTH bytes; phase hook|apply|confirm. undo: the same lines in reverse order.
# modules: folder of a kernel's modules, whose indexes depmod writes; before all that changes the modules.
set -u
umask 077
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export PATH
# ROOT is the prefix of every path: empty on a host, a folder for an image. PROC and SYNC are for tests.
ROOT=${ROOT:-}
# An image: nothing of it runs, so nothing is tried.
OFFLINE=${OFFLINE-$ROOT}
PROC=${PROC:-/proc}
SYNC=${SYNC:-sync}
HOME_DIR=$ROOT/var/lib/build-kernel
TAB=$(printf '\t')
WHO=${WHO:-unknown}

# Exit statuses the caller tells apart.
BUSY=75
CHANGED=76
REFUSED=77
NO_SPACE=78
WRONG_STATE=79

say() {
  printf '%s\n' "$*" >&2
  note "$*"
}

# Into the run's log; never fatal: a full disk must not stop the way back.
note() {
  [ -z "${RUN:-}" ] || [ ! -d "$RUN" ] || printf '%s %s\n' "$(date '+%Y-%m-%dT%H:%M:%S')" "$*" 2>/dev/null >>"$RUN/log" || :
}

fail() {
  fail_status=$1
  shift
  say "$*"
  unlock
  exit "$fail_status"
}

# Makes a file and its name durable. Old coreutils and busybox know no `sync FILE`: they write everything out, as good.
settle() {
  $SYNC "$1" "${1%/*}" 2>/dev/null || $SYNC
}

# put FILE TEXT: whole or not at all.
put() {
  printf '%s\n' "$2" >"$1.new" && settle "$1.new" && mv -f "$1.new" "$1" && settle "$1"
}

# point NAME: the link NAME leads to this run. mv would go into the folder an old link leads to.
point() {
  [ "$(readlink "$HOME_DIR/$1" 2>/dev/null)" != "runs/$ID" ] || return 0
  rm -f "$HOME_DIR/$1" && ln -s "runs/$ID" "$HOME_DIR/$1"
}

word() {
  WORD=
  [ ! -f "$1" ] || read -r WORD <"$1" || :
}

state() {
  word "$RUN/state"
  STATE=${WORD:-unknown}
}

to_state() {
  put "$RUN/state" "$1" || fail 1 "cannot write $RUN/state"
  STATE=$1
  note "state $1"
}

boot_id() {
  word "$PROC/sys/kernel/random/boot_id"
  BOOT_ID=${WORD:-unknown}
}

# Seconds since boot: no clock change disturbs it.
uptime_seconds() {
  word "$PROC/uptime"
  UPTIME=${WORD%%.*}
  UPTIME=${UPTIME:-0}
}
