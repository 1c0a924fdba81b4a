#!/bin/sh
# Runs on a client inside: opens a TCP connection with whatever the host has, says by which local address and port, closes it.
# Arguments: address, port, seconds at most, and the address and port as /proc/net/tcp writes them (0100007F:0050).
# Prints one line: "open LOCAL:PORT PROGRAM" (hexadecimal), "closed PROGRAM" or "none".
set -u
address=$1
port=$2
seconds=$3
remote=$4
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# Established sockets to the remote end: local ends, one a line.
sockets() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local there state _; do
    if [ "$there" = "$remote" ] && [ "$state" = 01 ]; then printf '%s\n' "$local"; fi
  done
}

has() {
  command -v "$1" >/dev/null 2>&1
}

before=" $(sockets | tr '\n' ' ')"
# The output of what stays behind for a moment must not keep our own open.
if has bash; then
  with=bash
  # shellcheck disable=SC2016
  bash -c 'exec 3<>"/dev/tcp/$1/$2" || exit 1; exec sleep "$3"' bash "$address" "$port" "$seconds" </dev/null >/dev/null 2>&1 &
elif has python3; then
  with=python3
  python3 -c 'import socket,sys,time; s=socket.create_connection((sys.argv[1],int(sys.argv[2]))); time.sleep(int(sys.argv[3]))' "$address" "$port" "$seconds" </dev/null >/dev/null 2>&1 &
elif has nc; then
  with=nc
  (sleep "$seconds" | nc "$address" "$port") </dev/null >/dev/null 2>&1 &
elif has busybox && busybox nc --help >/dev/null 2>&1; then
  with='busybox nc'
  (sleep "$seconds" | busybox nc "$address" "$port") </dev/null >/dev/null 2>&1 &
elif has curl; then
  with=curl
  case $address in *:*) url="telnet://[$address]:$port" ;; *) url="telnet://$address:$port" ;; esac
  (sleep "$seconds" | curl -s --max-time "$seconds" "$url") </dev/null >/dev/null 2>&1 &
else
  printf 'none\n'
  exit 0
fi
opener=$!

passed=0
while [ "$passed" -lt "$seconds" ]; do
  for local in $(sockets); do
    case $before in *" $local "*) continue ;; esac
    kill "$opener" 2>/dev/null
    printf 'open %s %s\n' "$local" "$with"
    exit 0
  done
  if ! kill -0 "$opener" 2>/dev/null; then break; fi
  sleep 1
  passed=$((passed + 1))
done
kill "$opener" 2>/dev/null
printf 'closed %s\n' "$with"
