# Before the first change: every path is as it was when the plan was made, can be written to, and there is room.

# need FOLDER KIB
need() {
  need_i=0
  while [ "$need_i" -lt "$NEEDS" ]; do
    eval "need_folder=\$NEED_FOLDER_$need_i"
    if [ "$need_folder" = "$1" ]; then
      eval "NEED_KIB_$need_i=\$((NEED_KIB_$need_i + $2))"
      return 0
    fi
    need_i=$((need_i + 1))
  done
  eval "NEED_FOLDER_$NEEDS=\$1; NEED_KIB_$NEEDS=$2"
  NEEDS=$((NEEDS + 1))
}

# Adds up by file system and compares with what is free, 1 MiB left over for names and logs.
enough_room() {
  room_i=0
  mounts=0
  while [ "$room_i" -lt "$NEEDS" ]; do
    eval "room_folder=\$NEED_FOLDER_$room_i; room_kib=\$NEED_KIB_$room_i"
    # Without its heading: where a folder is on no mount that is listed (a chroot), there is nothing else.
    room_line=$(df -P -k "$room_folder" 2>/dev/null | tail -n +2 | tail -n 1)
    # shellcheck disable=SC2086
    set -- $room_line
    if [ $# -ge 6 ]; then
      room_free=$4
      room_mount=$6
      room_j=0
      while [ "$room_j" -lt "$mounts" ]; do
        eval "room_name=\$MOUNT_$room_j"
        [ "$room_name" != "$room_mount" ] || break
        room_j=$((room_j + 1))
      done
      [ "$room_j" -lt "$mounts" ] || {
        eval "MOUNT_$mounts=\$room_mount; MOUNT_KIB_$mounts=1024"
        mounts=$((mounts + 1))
      }
      eval "MOUNT_KIB_$room_j=\$((MOUNT_KIB_$room_j + room_kib)); room_total=\$MOUNT_KIB_$room_j"
      [ "$room_total" -le "$room_free" ] || fail "$NO_SPACE" "no room: $room_mount has $room_free KiB free, $room_total KiB and more are needed"
    fi
    room_i=$((room_i + 1))
  done
}

# Also makes $RUN/dirs: folders this run is going to make, which the way back removes when they are empty.
preflight() {
  NEEDS=0
  checked='|'
  last=
  printf '' >"$RUN/dirs.new" || fail "$NO_SPACE" "cannot write $RUN/dirs"
  while IFS=$TAB read -r n kind path mode before after part block length phase <&3; do
    [ "$phase" != confirm ] || continue
    target=$ROOT$path
    folder=${target%/*}
    if [ "$folder" != "$last" ]; then
      last=$folder
      [ ! -e "$folder" ] || [ -d "$folder" ] || fail "$REFUSED" "refused: $folder is not a folder"
      ancestor "$target"
      if [ -n "$MISSING" ]; then
        printf '%s' "$MISSING" | while IFS= read -r made; do
          case $checked in *"|$made|"*) ;; *) printf '%s\n' "$made" ;; esac
        done >>"$RUN/dirs.new"
        checked="$checked$(printf '%s' "$MISSING" | tr '\n' '|')|"
      fi
      case $checked in
        *"|$ANCESTOR|"*) ;;
        *)
          inside_root "$ANCESTOR" || fail "$REFUSED" "refused: $folder leads out of $ROOT"
          writable "$ANCESTOR" || fail "$REFUSED" "refused: cannot write to $ANCESTOR (read-only file system?)"
          checked="$checked$ANCESTOR|"
          ;;
      esac
    fi
    if [ "$kind" = modules ]; then
      index_size "$target"
      need "$HOME_DIR" "$INDEX_KIB"
      continue
    fi
    look "$target"
    [ "$S" = "$before" ] || [ "$S" = "$after" ] || fail "$CHANGED" "changed since the plan was made: $path"
    need "$ANCESTOR" $(((length + 4095) / 4096 * 4 + 4))
    case $before in absent | link\ *) ;; *)
      old_bytes=$(wc -c <"$target") || old_bytes=0
      need "$HOME_DIR" $((old_bytes / 1024 + 8))
      ;;
    esac
  done 3<"$RUN/index"
  sort -u "$RUN/dirs.new" >"$RUN/dirs.sorted" && mv -f "$RUN/dirs.sorted" "$RUN/dirs" && rm -f "$RUN/dirs.new" || fail "$NO_SPACE" "cannot write $RUN/dirs"
  enough_room
}

# Payload as it was sent.
payload_whole() {
  (cd "$RUN" && sha256sum -c parts >/dev/null 2>&1) || fail 1 "the files of run $ID are not all here, or damaged: send them again"
}
