#!/bin/sh
# Waits until a host answers over ssh with another boot than BOOT. Arguments: BOOT, seconds at most, ssh and its arguments.
set -u
boot=$1
seconds=$2
shift 2
until=$(($(date +%s) + seconds))
while [ "$(date +%s)" -lt "$until" ]; do
  now=$("$@" cat /proc/sys/kernel/random/boot_id </dev/null 2>/dev/null) || now=
  if [ -n "$now" ] && [ "$now" != "$boot" ]; then
    printf '%s\n' "$now"
    exit 0
  fi
  sleep 3
done
printf 'no answer with a new boot within %s seconds\n' "$seconds" >&2
exit 1
