# Writing the new state. Content goes beside and is renamed; what a power cut could leave half-done is taken back whole.

cut() {
  dd if="$RUN/payload.$1" bs=4096 skip="$2" count=$((($3 + 4095) / 4096)) 2>/dev/null | head -c "$3"
}

# Copies of everything that will be replaced, with owner, times and what else a file has, before anything is replaced.
back_up() {
  mkdir -p "$RUN/old" || return 1
  while IFS=$TAB read -r n kind path mode before after part block length phase <&3; do
    [ "$phase" != confirm ] || continue
    target=$ROOT$path
    if [ "$kind" = modules ]; then
      keep_indexes || return 1
      continue
    fi
    case $before in absent | link\ *) continue ;; esac
    [ ! -e "$RUN/old/$n" ] || continue
    cp -a "$target" "$RUN/old/$n.new" || return 1
    look "$RUN/old/$n.new"
    [ "$S" = "$before" ] || fail "$CHANGED" "changed since the plan was made: $path"
    mv -f "$RUN/old/$n.new" "$RUN/old/$n" || return 1
  done 3<"$RUN/index"
}

# One operation of the index; variables as read from it.
operate() {
  target=$ROOT$path
  beside=${target%/*}/.build-kernel.$n~
  [ -d "${target%/*}" ] || make_folder "${target%/*}" || return 1
  case $kind in
    absent) rm -f "$target" ;;
    link)
      rm -f "$beside" && ln -s "${after#link }" "$beside" && replace "$beside" "$target"
      ;;
    file)
      if [ -f "$target" ] && [ ! -L "$target" ]; then
        # Labels and attributes of the file stay.
        cp -a "$target" "$beside" && cut "$part" "$block" "$length" >"$beside" || return 1
        [ "$(id -u)" != 0 ] || chown 0:0 "$beside" || return 1
      else
        rm -f "$beside"
        cut "$part" "$block" "$length" >"$beside" || return 1
      fi
      chmod "$mode" "$beside" || return 1
      if [ "$before" != absent ]; then
        look "$beside"
        [ "$S" = "$after" ] || return 1
        settle "$beside"
        # Boot loaders read the disk without the file system's journal. A second name keeps what they may still see
        # under the old one, and the way back needs no room then.
        case $path in
          /boot/*) [ "$phase" = confirm ] || [ -e "${target%/*}/.build-kernel.old.$n~" ] || ln "$target" "${target%/*}/.build-kernel.old.$n~" 2>/dev/null || : ;;
        esac
      fi
      replace "$beside" "$target"
      ;;
    initramfs) make_initramfs ;;
    *) return 1 ;;
  esac
}

# operations PHASE: those not yet done.
operations() {
  boot_id
  word "$RUN/done.$1"
  # Counted in this boot only: after a power cut the disk may hold less than was counted.
  case $WORD in *" $BOOT_ID") done_to=${WORD%% *} ;; *) done_to=0 ;; esac
  while IFS=$TAB read -r n kind path mode before after part block length phase <&3; do
    [ "$phase" = "$1" ] && [ "$n" -gt "$done_to" ] && [ "$kind" != modules ] || continue
    if [ "$before" != absent ] || [ -e "$ROOT$path" ] || [ -L "$ROOT$path" ]; then
      look "$ROOT$path"
      if [ "$kind" != initramfs ]; then
        # The same content before and after: its mode changes.
        [ "$S" != "$after" ] || [ "$before" = "$after" ] || continue
        [ "$S" = "$before" ] || fail "$CHANGED" "changed since the plan was made: $path"
      fi
    fi
    operate || fail "$NO_SPACE" "cannot write $path (disk full?)"
    printf '%s\n' "$n $BOOT_ID" >"$RUN/done.$1" 2>/dev/null || :
  done 3<"$RUN/index"
}

# Every file is what it must be, read back.
check_files() {
  while IFS=$TAB read -r n kind path mode before after part block length phase <&3; do
    [ "$kind" != file ] || [ "$phase" = confirm ] || printf '%s  %s\n' "$after" "$ROOT$path"
  done 3<"$RUN/index" >"$RUN/check" || return 1
  [ ! -s "$RUN/check" ] || sha256sum -c "$RUN/check" >/dev/null 2>&1
}

# Its files are here: it may begin. Another who sent the same plan may be further already; that run is then this one too.
stage() {
  state
  case $STATE in unknown | staged | reverted) to_state staged ;; esac
}

apply() {
  state
  case $STATE in
    applied | trial | tried | confirmed) say "run $ID is $STATE already" && return 0 ;;
    staged | applying) ;;
    *) fail "$WRONG_STATE" "run $ID is $STATE: it cannot be applied" ;;
  esac
  only_run
  if [ "$STATE" = staged ]; then
    payload_whole
    drop_backups
    rm -rf "$RUN/foreign"
    rm -f "$RUN/done.hook" "$RUN/done.apply" "$RUN/done.confirm" "$RUN/unfinished" "$RUN/env.old" "$RUN/env.absent" "$RUN/booted" "$RUN/deadline" "$RUN/previous"
    boot_possible
    preflight
    back_up || { drop_backups; fail "$NO_SPACE" "cannot back up what will be replaced (disk full?)"; }
    point pending || fail "$NO_SPACE" "cannot write $HOME_DIR/pending"
    $SYNC
    to_state applying
  fi
  # What takes the run back by itself is on the disk before anything else is touched.
  operations hook
  $SYNC
  boot_prepare || fail "$NO_SPACE" "cannot write the boot loader's environment"
  operations apply
  check_files || fail "$NO_SPACE" "what was written is not what was to be written (disk full?)"
  $SYNC
  to_state applied
}

# Backups of a run that never began, or was taken back.
drop_backups() {
  sweep
  rm -rf "$RUN/old"
}

# Another run that is on its way must end first: two half-done plans have no way back.
only_run() {
  other=$(readlink "$HOME_DIR/pending" 2>/dev/null) || return 0
  [ "$other" != "runs/$ID" ] && [ -d "$HOME_DIR/$other" ] || return 0
  word "$HOME_DIR/$other/state"
  case ${WORD:-unknown} in
    staged | reverted | confirmed) ;;
    *) fail "$WRONG_STATE" "run ${other#runs/} is $WORD: confirm it or take it back first" ;;
  esac
}
