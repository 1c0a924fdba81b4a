# The next boot only: what each boot loader reads, and itself resets before the kernel starts.
#   legacy  GRUB 0.97: the file `default` beside the menu; the first ten bytes are the entry's number and newlines. GRUB
#           writes them in place (savedefault N), so the file is never renamed.
#   redhat  Red Hat's GRUB 0.97 reads no such file and ignores savedefault's number. A word in stage2's second sector,
#           0x20c from its start: 0x10000 | once << 8 | saved; GRUB writes `saved` back when it obeys.
#   grub2   next_entry in grubenv, 1024 bytes, written in place.
#   none    no entry: modules of the distribution's kernel.

# $RUN/boot: a key and its value a line.
boot_read() {
  method=none
  environment=
  trial_entry=
  stock_entry=0
  token=
  reboot=no
  minutes=10
  watchdog=none
  [ -f "$RUN/boot" ] || return 0
  while read -r key value; do
    case $key in
      method) method=$value ;;
      environment) environment=$ROOT$value ;;
      trial) trial_entry=$value ;;
      stock) stock_entry=$value ;;
      token) token=$value ;;
      reboot) reboot=$value ;;
      minutes) minutes=$value ;;
      watchdog) watchdog=$value ;;
    esac
  done <"$RUN/boot"
}

# The kernel of this run is the one that runs.
ours_runs() {
  [ -n "$token" ] || return 1
  word "$PROC/cmdline"
  case " $WORD " in *" build_kernel=$token "*) return 0 ;; *) return 1 ;; esac
}

# GRUB 2 writes grubenv to plain partitions only: not through LVM, RAID, encryption or btrfs, where boot-once would be for ever.
plain_disk() {
  dev=$(stat -c %d "$1") || return 1
  block=/sys/dev/block/$(((dev >> 8) & 4095)):$(((dev & 255) | ((dev >> 12) & 1048320)))
  [ -d "$block" ] && [ ! -d "$block/dm" ] && [ ! -d "$block/md" ] && [ ! -d "$block/../md" ]
}

bytes() {
  od -An -tu1 -j "$2" -N "$3" "$1"
}

boot_possible() {
  [ "$method" != none ] && [ -z "$OFFLINE" ] || return 0
  case $method in
    legacy) [ -d "${environment%/*}" ] || fail "$REFUSED" "refused: there is no ${environment%/*}" ;;
    redhat)
      # shellcheck disable=SC2046
      set -- $(bytes "$environment" 518 2 2>/dev/null) $(bytes "$environment" 528 1 2>/dev/null)
      [ "$*" = '3 2 0' ] || fail "$REFUSED" "refused: $environment is not GRUB 0.97's second stage"
      ;;
    grub2)
      [ -f "$environment" ] && [ "$(wc -c <"$environment")" -eq 1024 ] || fail "$REFUSED" "refused: $environment is not GRUB's environment block (grub-editenv $environment create makes one)"
      ;;
    *) fail "$REFUSED" "refused: boot loader $method" ;;
  esac
  [ -n "$ROOT" ] || plain_disk "${environment%/*}" || fail "$REFUSED" "refused: ${environment%/*} is on LVM, RAID, encryption or a file system that GRUB cannot write to, so that a failed kernel would be booted again and again"
}

# in_place BLOCK-SIZE BLOCK: standard input over what is there. By way of a file: dd takes a pipe's first write for all.
in_place() {
  cat >"$RUN/environment" && dd if="$RUN/environment" of="$environment" bs="$1" seek="$2" conv=notrunc 2>/dev/null && settle "$environment"
}

write_number() {
  printf '%s\n\n\n\n\n\n\n\n\n\n' "$1" | head -c 10 | in_place 10 0
}

# write_word ENTRY FLAG: the low byte, the saved number, stays.
write_word() {
  # shellcheck disable=SC2046
  set -- "$1" "$2" $(bytes "$environment" 524 1)
  [ $# -eq 3 ] || return 1
  # shellcheck disable=SC2059
  printf "\\$(printf %03o "$3")\\$(printf %03o "$1")\\$(printf %03o "$2")\\000" | in_place 4 131
}

# grubenv with next_entry=$1, or without when it is empty.
write_environment() {
  kept="# GRUB Environment Block
"
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in '#'* | next_entry=*) ;; *=*) kept="$kept$line
" ;; esac
  done <"$environment"
  [ -z "$1" ] || kept="${kept}next_entry=$1
"
  hashes=$(printf '%1024s' '' | tr ' ' '#')
  [ ${#kept} -le 1024 ] || return 1
  printf '%s%s' "$kept" "$hashes" | head -c 1024 | in_place 1024 0
}

# Before the menu that relies on it.
boot_prepare() {
  [ "$method" != none ] && [ -z "$OFFLINE" ] || return 0
  if [ ! -e "$RUN/env.old" ] && [ ! -e "$RUN/env.absent" ]; then
    case $method in
      legacy) if [ -e "$environment" ]; then cp -a "$environment" "$RUN/env.new" && mv -f "$RUN/env.new" "$RUN/env.old"; else printf '' >"$RUN/env.absent"; fi || return 1 ;;
      *) cp -a "$environment" "$RUN/env.new" && mv -f "$RUN/env.new" "$RUN/env.old" || return 1 ;;
    esac
    # What was there must be known for certain before the boot loader's own file changes.
    $SYNC
  fi
  [ "$method" = legacy ] || return 0
  if [ ! -f "$environment" ] || [ "$(wc -c <"$environment")" -lt 10 ]; then
    # As grub-set-default makes it: lines to spare, so that GRUB's ten bytes are there.
    printf '%s\n#\n#\n#\n#\n#\n#\n#\n#\n#\n#\n# GRUB writes into this file: keep its size.\n' "$stock_entry" >"$environment.new~" &&
      mv -f "$environment.new~" "$environment" || return 1
    settle "$environment"
  else
    write_number "$stock_entry"
  fi
}

boot_once() {
  [ "$method" = none ] || [ -f "$environment" ] || return 1
  case $method in
    none) return 0 ;;
    legacy)
      write_number "$trial_entry" || return 1
      word "$environment"
      [ "$WORD" = "$trial_entry" ]
      ;;
    redhat)
      write_word "$trial_entry" 1 || return 1
      # shellcheck disable=SC2046
      set -- $(bytes "$environment" 525 3)
      [ "$*" = "$trial_entry 1 0" ]
      ;;
    grub2)
      write_environment "$trial_entry" || return 1
      [ "$(wc -c <"$environment")" -eq 1024 ]
      ;;
  esac
}

boot_cancel() {
  [ "$method" != none ] && [ -z "$OFFLINE" ] && [ -f "$environment" ] || return 0
  [ -e "$RUN/env.old" ] || [ -e "$RUN/env.absent" ] || return 0
  case $method in
    legacy) write_number "$stock_entry" ;;
    redhat)
      # shellcheck disable=SC2046
      set -- $(bytes "$environment" 526 1)
      [ "${1:-0}" -eq 0 ] || write_word 0 0
      ;;
    grub2) write_environment '' ;;
  esac
}

# When no menu of ours relies on it any more.
boot_restore() {
  [ "$method" != none ] && [ -z "$OFFLINE" ] || return 0
  case $method in
    legacy)
      if [ -e "$RUN/env.absent" ]; then
        rm -f "$environment"
      elif [ -e "$RUN/env.old" ]; then
        # In place: its blocks are where GRUB expects them.
        cat "$RUN/env.old" >"$environment" && touch -r "$RUN/env.old" "$environment"
      fi
      ;;
    grub2)
      if [ -e "$RUN/env.old" ]; then
        look "$RUN/env.old"
        was=$S
        look "$environment"
        [ "$S" != "$was" ] || touch -r "$RUN/env.old" "$environment"
      fi
      ;;
  esac
}

# Variables of the index line: part is the tool, block the release.
make_initramfs() {
  [ -z "$ROOT" ] || return 1
  rm -f "$beside"
  note "$part for $block"
  case $part in
    dracut) dracut -f "$beside" "$block" ;;
    mkinitrd) mkinitrd -f "$beside" "$block" ;;
    update-initramfs) mkinitramfs -o "$beside" "$block" ;;
    *) return 1 ;;
  esac >>"$RUN/log" 2>&1 3<&- || { say "$part failed: see $RUN/log"; return 1; }
  [ -s "$beside" ] && chmod "$mode" "$beside" && settle "$beside" && replace "$beside" "$target"
}
