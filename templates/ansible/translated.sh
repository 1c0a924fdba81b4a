# shellcheck shell=sh disable=SC2154
set -u
# Says whether the connection of a client's port (LOCAL, hexadecimal ADDRESS:PORT in the byte order of /proc/net/tcp) to the
# server is in a connection table with a pool address.
client=$1
# On a VRRP backup no traffic arrives.
if [ -n "$shared" ]; then
  backup=yes
  held=$(ip -o addr show)
  for one in $shared; do
    case $held in *" $one/"*) backup=no ;; esac
  done
  if [ $backup = yes ]; then
    echo 'VRRP backup: traffic goes through the master'
    exit 0
  fi
fi
# The kernel writes 32 bits at a time, in the byte order of the machine: little-endian.
port=${client##*:}
rest=${client%:*}
straight=
while [ -n "$rest" ]; do
  eight=${rest%"${rest#????????}"}
  rest=${rest#????????}
  a=${eight%??????} b=${eight#??} c=${eight#????} d=${eight#??????}
  straight=$straight$d${c%??}${b%????}$a
done
decimal=$((0x$port))
case $straight in
  ????????)
    own="$straight $port"
    c=${straight#????} b=${straight#??}
    listed=$((0x${straight%??????})).$((0x${b%????})).$((0x${c%??})).$((0x${straight#??????}))
    ;;
  *)
    # Groups of four, in both tables.
    listed=
    rest=$(printf '%s' "$straight" | tr A-F a-f)
    while [ -n "$rest" ]; do
      listed=$listed${listed:+:}${rest%"${rest#????}"}
      rest=${rest#????}
    done
    own="$listed $port"
    ;;
esac
found=no
look() {
  while read -r line; do
    case " $line " in
      *" $own "*"$server_word"* | *"$server_word"*" $own "*) kind=ipvs ;;
      *"src=$listed "*"dst=$server "*"sport=$decimal "*) kind=conntrack ;;
      *) continue ;;
    esac
    found=yes
    for one in $pool; do
      # WORD-OF-IPVS=WORD-OF-CONNTRACK=ADDRESS
      case $kind in
        ipvs) word=" ${one%%=*} " ;;
        conntrack) word=${one#*=} word=" dst=${word%=*} " ;;
      esac
      case " $line " in *"$word"*) printf 'translated to %s\n' "${one##*=}"; exit 0 ;; esac
    done
  done
}
if [ -r /proc/net/ip_vs_conn ]; then look </proc/net/ip_vs_conn; fi
if [ -r /proc/net/nf_conntrack ]; then look </proc/net/nf_conntrack; fi
case $found in
  yes) echo 'the gateway knows the connection and did not translate it to a pool address' ;;
  no) echo 'the connection is in no table: it went another way' ;;
esac
exit 1
