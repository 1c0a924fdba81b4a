# The way back. Looks at what is there, not at a record of what was done: a power cut may have lost either.

# What somebody else wrote over our change is kept.
keep_foreign() {
  case $kind in initramfs) return 0 ;; esac
  # Written anew by depmod, by whom so ever it was called.
  case $path in /lib/modules/*/modules.*) return 0 ;; esac
  # A power cut may leave a new file half written; what replaces another was on the disk before it got its name.
  [ "$before" != absent ] || [ ! -e "$RUN/unfinished" ] || return 0
  [ "$S" != "$after" ] && [ "$S" != "$before" ] && [ "$S" != absent ] || return 0
  confirm_after=$(confirmed_content)
  [ "$S" != "$confirm_after" ] || return 0
  mkdir -p "$RUN/foreign" 2>/dev/null && cp -a "$target" "$RUN/foreign/$n" 2>/dev/null
  say "note: $path was changed by others since; their version is kept in $RUN/foreign/$n"
}

# after of the same path's operation in phase confirm, if there is one.
confirmed_content() {
  while IFS=$TAB read -r c_n c_kind c_path c_mode c_before c_after c_rest <&4; do
    case $c_rest in *confirm) [ "$c_path" != "$path" ] || printf '%s' "$c_after" ;; esac
  done 4<"$RUN/index"
}

restore_file() {
  spare=${target%/*}/.build-kernel.old.$n~
  if [ -f "$spare" ]; then
    look "$spare"
    if [ "$S" = "$before" ]; then
      replace "$spare" "$target" && settle "$target"
      return
    fi
  fi
  [ -d "${target%/*}" ] || make_folder "${target%/*}" || return 1
  copy_back "$RUN/old/$n" "$target"
}

# copy_back FROM PATH: by way of $beside.
copy_back() {
  if cp -a "$1" "$beside"; then
    settle "$beside"
    replace "$beside" "$2"
  else
    # No room for a second copy: over the one that is there, which the state says is being taken back.
    rm -f "$beside"
    say "no room beside $2: written in place"
    cp -a "$1" "$2"
  fi
}

undo() {
  target=$ROOT$path
  beside=${target%/*}/.build-kernel.$n~
  if [ "$kind" = modules ]; then
    give_indexes_back
    return
  fi
  if [ "$before" = absent ] && [ ! -e "$target" ] && [ ! -L "$target" ]; then return 0; fi
  look "$target"
  [ "$S" != "$before" ] || [ "$before" = "$after" ] || return 0
  keep_foreign
  case $before in
    absent) rm -f "$target" ;;
    link\ *) rm -f "$beside" && ln -s "${before#link }" "$beside" && replace "$beside" "$target" ;;
    *) restore_file ;;
  esac
}

# New files are removed many at a time: a kernel has thousands of modules.
undo_all() {
  set --
  undone=
  while IFS=$TAB read -r n kind path mode before after part block length phase <&3; do
    [ "$phase" != confirm ] || continue
    if [ "$before" = absent ] && [ "$kind" = file ] && undo_fast; then
      set -- "$@" "$ROOT$path"
      [ $# -lt 100 ] || { rm -f "$@" || return 1; set --; }
      continue
    fi
    [ $# -eq 0 ] || { rm -f "$@" || return 1; set --; }
    undo || { undone="$undone $path"; return 1; }
  done 3<"$RUN/undo"
  [ $# -eq 0 ] || rm -f "$@"
}

# Modules are nobody's to edit; of other files it is looked whether somebody did.
undo_fast() {
  case $path in *.ko) ;; *) return 1 ;; esac
  [ -f "$ROOT$path" ] && [ ! -L "$ROOT$path" ]
}

remove_folders() {
  [ ! -f "$RUN/dirs" ] || sort -r "$RUN/dirs" | while IFS= read -r made; do
    [ ! -d "$made" ] || rmdir "$made" 2>/dev/null || note "folder $made is not empty: left"
  done
}

# What a run that was killed may have left beside its files, and the second names of old ones.
sweep() {
  last=
  while IFS=$TAB read -r n kind path rest <&3; do
    folder=$ROOT${path%/*}
    for litter in "$folder/.build-kernel.$n~" "$folder/.build-kernel.old.$n~"; do
      [ ! -e "$litter" ] && [ ! -L "$litter" ] || rm -f "$litter"
    done
    [ "$folder" != "$last" ] || continue
    last=$folder
    while :; do
      [ ! -e "$folder/.build-kernel.w~" ] || rm -f "$folder/.build-kernel.w~"
      [ "$folder" != "$ROOT" ] || break
      folder=${folder%/*}
    done
  done 3<"$RUN/index"
}

script() {
  [ -z "$ROOT" ] && [ "$reboot" != yes ] && [ -s "$RUN/$1" ] || return 0
  note "script $1"
  # Without the lock's or the index's descriptors, and never in the way of what follows.
  BUILD_KERNEL_BOOTING=$BOOTING sh "$RUN/$1" </dev/null >>"$RUN/log" 2>&1 3<&- 4<&- || say "script $1 failed with status $?: see $RUN/log"
}

revert() {
  state
  case $STATE in
    staged) drop_backups && return 0 ;;
    reverted) return 0 ;;
    applying | applied | trial | tried | confirmed | reverting) ;;
    *) fail "$WRONG_STATE" "run $ID is $STATE: there is nothing to take back" ;;
  esac
  if [ "$STATE" = confirmed ]; then
    [ "$(readlink "$HOME_DIR/current" 2>/dev/null)" = "runs/$ID" ] || fail "$WRONG_STATE" "run $ID is not the last one that was confirmed: take the later one back first"
    only_run
    point pending || fail "$NO_SPACE" "cannot write $HOME_DIR/pending"
  fi
  # Not needed any more, and room for what follows on a disk that is full.
  rm -f "$RUN"/payload.*
  if [ "$STATE" != reverting ]; then
    # In a boot that has just begun nothing is in effect yet.
    case $STATE in applied | tried | confirmed) [ "$BOOTING" = yes ] || script deactivate ;; esac
    [ "$STATE" != applying ] || printf '' >"$RUN/unfinished"
    to_state reverting
  fi
  boot_cancel
  undo_all || fail "$NO_SPACE" "cannot restore$undone: run \`engine revert $ID\` again when the cause is gone"
  boot_restore
  sweep
  remove_folders
  $SYNC
  to_state reverted
  # Where a rollback of an earlier run goes on.
  if [ "$(readlink "$HOME_DIR/current" 2>/dev/null)" = "runs/$ID" ]; then
    if [ -L "$RUN/previous" ]; then
      earlier=$(readlink "$RUN/previous") && rm -f "$HOME_DIR/current" && ln -s "$earlier" "$HOME_DIR/current"
    else
      rm -f "$HOME_DIR/current"
    fi
  fi
  rm -f "$HOME_DIR/pending"
  $SYNC
  # At a boot too: modules that went must go from the index before one is loaded.
  script restored
}
