# A BMC's watchdog outlives the reboot into a kernel that may hang, and resets the host then. It is armed just before that
# reboot; what comes up stops it (ipmi_watchdog does when it is loaded) and the guard feeds it until the run is confirmed.
# On its way down Linux 2.6.32 sets it to 120 seconds whatever it was. A chipset's watchdog (iTCO_wdt, i6300esb) is
# stopped by its driver on the way down: that one serves the guard only.
WATCHDOG=$ROOT/dev/watchdog
SYS=$ROOT/sys

# The plan found a BMC: its drivers, loaded when they are not yet.
bmc() {
  for module in ipmi_si ipmi_watchdog; do
    [ -d "$SYS/module/$module" ] || [ -n "$ROOT" ] || modprobe "$module" 2>/dev/null
  done
  tries=0
  until [ -e "$WATCHDOG" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 5 ] || return 1
    sleep 1
  done
}

# bmc_seconds N: how long it may go without food; the driver's own 10 are few for a host that is busy booting.
bmc_seconds() {
  [ ! -w "$SYS/module/ipmi_watchdog/parameters/timeout" ] || (printf '%s\n' "$1" >"$SYS/module/ipmi_watchdog/parameters/timeout") 2>/dev/null
}

# The device may be another driver's, which had it first: then ipmi_watchdog has no user although it is open.
bmc_has_it() {
  word "$SYS/module/ipmi_watchdog/refcnt"
  [ "${WORD:-1}" != 0 ]
}

# This reboot is into the kernel that is tried.
trial_begins() {
  pending || return 1
  boot_read
  state
  [ "$STATE" = trial ] && [ "$method" != none ]
}

# Closed without the V that would stop it.
arm() {
  [ "$watchdog" = bmc ] || return 0
  bmc || { note 'watchdog: no device: not armed'; return 0; }
  bmc_seconds 255
  # In a shell of its own: a redirection that fails in exec ends it.
  if (exec 7>"$WATCHDOG" && if bmc_has_it; then printf . >&7; else printf V >&7 && false; fi) 2>/dev/null; then
    printf '' >"$HOME_DIR/armed"
    note 'watchdog armed'
  else
    note 'watchdog: in use by another, or not the BMC: not armed'
  fi
}

# What was armed for a kernel that is left, or that is kept, must not reset the host later.
disarm() {
  [ -e "$HOME_DIR/armed" ] || return 0
  bmc || :
  tries=0
  # The guard has it open and lets go within seconds.
  until [ ! -e "$WATCHDOG" ] || (printf V >"$WATCHDOG") 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -le 10 ] || { note 'watchdog: in use by another'; break; }
    sleep 1
  done
  rm -f "$HOME_DIR/armed"
}

# Opens the watchdog when closing it stops it again and nobody else has it.
watch() {
  feed=no
  [ "$reboot" = yes ] || return 0
  if [ "$watchdog" = bmc ]; then
    bmc || :
    bmc_seconds 60
  fi
  [ -e "$WATCHDOG" ] || return 0
  for option in "$SYS"/module/*/parameters/nowayout "$SYS"/class/watchdog/watchdog0/nowayout; do
    [ -r "$option" ] || continue
    word "$option"
    case $WORD in Y | 1) return 0 ;; esac
  done
  # A redirection that fails in exec ends the shell: tried in another first, which stops it again.
  (printf V >"$WATCHDOG") 2>/dev/null && exec 8>"$WATCHDOG" && feed=yes
}

unwatch() {
  [ "$feed" != yes ] || { printf V >&8 && exec 8>&-; }
  feed=no
}
