# Trial, confirmation, and what takes back a run that nobody confirmed.
BOOTING=no

# The trial has begun in this boot; a timer runs from now.
arrive() {
  boot_id
  uptime_seconds
  put "$RUN/deadline" "$((UPTIME + minutes * 60))" && put "$RUN/booted" "$BOOT_ID" || fail "$NO_SPACE" "cannot write $RUN/booted"
  to_state tried
}

this_boot() {
  boot_id
  word "$RUN/booted"
  [ "$WORD" = "$BOOT_ID" ]
}

# A guard that outlives the connection it is started from.
start_guard() {
  [ -z "$ROOT" ] || return 0
  if [ -d /run/systemd/system ] && [ -f /etc/systemd/system/build-kernel-confirm.service ]; then
    systemctl daemon-reload && systemctl --no-block restart build-kernel-confirm.service && return 0
  fi
  if command -v setsid >/dev/null 2>&1; then starter=setsid; else starter=nohup; fi
  $starter sh "$HOME_DIR/engine" guard </dev/null >/dev/null 2>&1 3<&- &
}

# Without a reboot: the timer first, then what brings the files into effect. Not under the lock: when it cuts the
# connection off or hangs, the guard must get that.
activate() {
  state
  case $STATE in
    applied) arrive ;;
    tried) this_boot || fail "$WRONG_STATE" "run $ID was begun in an earlier boot: take it back" ;;
    *) fail "$WRONG_STATE" "run $ID is $STATE: it cannot be activated" ;;
  esac
  start_guard
  unlock
  [ -z "$ROOT" ] || return 0
  printf '%s\n' $$ >"$RUN/activate.pid"
  sh "$RUN/activate" </dev/null >>"$RUN/log" 2>&1
  activated=$?
  rm -f "$RUN/activate.pid"
  [ "$activated" -eq 0 ] || fail 1 "activation failed with status $activated: $(tail -n 5 "$RUN/log" | tr '\n' ' ')"
}

trial() {
  state
  case $STATE in
    applied | trial) ;;
    *) fail "$WRONG_STATE" "run $ID is $STATE: it cannot be tried" ;;
  esac
  to_state trial
  boot_once || {
    to_state applied
    boot_cancel
    fail "$REFUSED" "cannot tell the boot loader to boot the new kernel once ($environment)"
  }
  $SYNC
  $SYNC
}

confirm() {
  state
  case $STATE in
    confirmed) ;;
    tried) this_boot || fail "$WRONG_STATE" "run $ID was tried in an earlier boot: it is not confirmed" ;;
    applied) [ -n "$OFFLINE" ] || fail "$WRONG_STATE" "run $ID was applied but not tried" ;;
    *) fail "$WRONG_STATE" "run $ID is $STATE: it cannot be confirmed" ;;
  esac
  if [ "$STATE" != confirmed ]; then
    if [ "$STATE" = tried ] && [ -n "$token" ] && [ "$reboot" = yes ] && ! ours_runs; then fail "$WRONG_STATE" "the kernel of run $ID is not the one that runs"; fi
    operations confirm
    $SYNC
    to_state confirmed
  fi
  finish_confirm
}

finish_confirm() {
  disarm
  boot_restore
  before_this=$(readlink "$HOME_DIR/current" 2>/dev/null) || before_this=
  if [ "$before_this" != "runs/$ID" ]; then
    [ -z "$before_this" ] || [ -L "$RUN/previous" ] || ln -s "$before_this" "$RUN/previous"
    point current || fail "$NO_SPACE" "cannot write $HOME_DIR/current"
  fi
  # While it is pending: whoever is cut off in here is called again.
  sweep
  rm -f "$HOME_DIR/pending" "$RUN"/payload.* "$RUN"/*.tmp "$RUN"/*.part
  $SYNC
}

# ID and RUN of the run that is on its way.
pending() {
  link=$(readlink "$HOME_DIR/pending" 2>/dev/null) || return 1
  ID=${link#runs/}
  RUN=$HOME_DIR/runs/$ID
  [ -d "$RUN" ]
}

reboot_now() {
  if trial_begins; then arm; else disarm; fi
  $SYNC
  $SYNC
  [ -z "$ROOT" ] || return 0
  reboot || shutdown -r now || :
  # What hangs on its way down must not keep the host in the kernel that failed.
  sleep 90
  $SYNC
  reboot -f || :
  sleep 10
  printf b >/proc/sysrq-trigger
}

# Early at every boot. A failure in here must not stop the boot.
boot() {
  BOOTING=yes
  pending || return 0
  lock 20
  boot_read
  state
  case $STATE in
    staged | reverted) rm -f "$HOME_DIR/pending" ;;
    confirmed) finish_confirm ;;
    trial)
      if [ -z "$token" ] || [ "$method" = none ] || ours_runs; then
        arrive
        [ -d /run/systemd/system ] || start_guard
      else
        disarm
        say "run $ID: the new kernel did not come up: taken back"
        back
      fi
      ;;
    tried) this_boot || { disarm; say "run $ID: booted again before it was confirmed: taken back"; back; } ;;
    *) say "run $ID was cut off while it was $STATE: taken back"; back ;;
  esac
  unlock
}

# Files back, and out of the kernel whose files are gone.
back() {
  (LOCKED=; revert)
  [ "$reboot" = yes ] && ours_runs || return 0
  unlock
  reboot_now
}

# Takes the run back when its time is over. Feeds a hardware watchdog meanwhile: a host that hangs is reset by it.
guard() {
  pending || return 0
  boot_read
  feed=
  trap 'unwatch; exit 0' TERM
  while pending; do
    state
    case $STATE in trial | tried) this_boot || break ;; *) break ;; esac
    [ -n "$feed" ] || watch
    [ "$feed" != yes ] || printf . >&8
    uptime_seconds
    word "$RUN/deadline"
    if [ "$UPTIME" -ge "${WORD:-0}" ]; then
      # The kernel from before may know nothing of a watchdog that still runs.
      unwatch
      word "$RUN/activate.pid"
      [ -z "$WORD" ] || kill -9 "$WORD" 2>/dev/null
      lock 120
      boot_read
      state
      [ "$STATE" = tried ] || { unlock; break; }
      say "run $ID: not confirmed in $minutes minutes: taken back"
      (LOCKED=; revert)
      unlock
      [ "$reboot" != yes ] || reboot_now
      break
    fi
    sleep 3
  done
  unwatch
}
