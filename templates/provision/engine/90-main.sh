# One line a fact, for the program on the other side.
status() {
  walk
  [ -z "$HOLDER" ] || printf 'lock %s %s\n' "${HOLDER%%-*}" "${HOLDER#*-*-*-}"
  for which in current pending; do
    link=$(readlink "$HOME_DIR/$which" 2>/dev/null) || continue
    word "$HOME_DIR/$link/state"
    printf '%s %s %s\n' "$which" "${link#runs/}" "${WORD:-unknown}"
  done
  for RUN in "$HOME_DIR"/runs/*; do
    [ -d "$RUN" ] || continue
    ID=${RUN##*/}
    state
    printf 'run %s %s\n' "$ID" "$STATE"
    boot_read
    if ours_runs; then printf 'runs-kernel %s\n' "$ID"; fi
    if [ "$STATE" = tried ] && this_boot; then
      uptime_seconds
      word "$RUN/deadline"
      printf 'seconds-left %s %s\n' "$ID" $((${WORD:-0} - UPTIME))
    fi
  done
}

main() {
  command=${1:-}
  ID=${2:-}
  RUN=
  [ -d "$HOME_DIR" ] || { printf '%s\n' "there is no $HOME_DIR" >&2; exit 1; }
  [ -z "$ROOT" ] || REAL_ROOT=$(cd -P -- "$ROOT" && pwd -P) || exit 1
  case $command in
    stage | apply | activate | trial | confirm | revert)
      case $ID in '' | *[!A-Za-z0-9.-]* | .*) printf 'no such run: %s\n' "$ID" >&2; exit 2 ;; esac
      RUN=$HOME_DIR/runs/$ID
      [ -d "$RUN" ] || { printf 'no such run: %s\n' "$ID" >&2; exit 2; }
      # A connection that is cut must not leave a half-done plan behind.
      trap '' HUP PIPE
      lock 3
      boot_read
      "$command"
      status=$?
      unlock
      exit "$status"
      ;;
    boot | guard) trap '' HUP PIPE; "$command" ;;
    status) "$command" ;;
    # In the background: the caller's connection ends in order.
    reboot)
      # A terminal that goes with the connection must not take the reboot along.
      trap '' HUP
      if command -v setsid >/dev/null 2>&1; then starter=setsid; else starter=nohup; fi
      $starter sh "$HOME_DIR/engine" reboot-now </dev/null >/dev/null 2>&1 &
      ;;
    reboot-now) sleep 1; reboot_now ;;
    *) printf 'usage: engine stage|apply|activate|trial|confirm|revert ID | boot | guard | status | reboot\n' >&2; exit 2 ;;
  esac
}

main "$@"
