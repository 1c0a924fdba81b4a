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
word=${client%:*}
port=${client##*:}
a=${word%??????} b=${word%????} c=${word%??} d=$word
b=${b#"$a"} c=${c#??} c=${c#??} d=${d#??????}
own="$d$c$b$a $port"
dotted="$((0x$d)).$((0x$c)).$((0x$b)).$((0x$a)) "
decimal=$((0x$port))
found=no
look() {
  while read -r line; do
    case " $line " in
      *" $own "*"$server_word"* | *"$server_word"*" $own "*) kind=ipvs ;;
      *"src=$dotted"*"dst=$server "*"sport=$decimal "*) kind=conntrack ;;
      *) continue ;;
    esac
    found=yes
    for one in $pool; do
      case $kind in
        ipvs) case " $line " in *" ${one%=*} "*) printf 'translated to %s\n' "${one#*=}"; exit 0 ;; esac ;;
        conntrack) case " $line " in *" dst=${one#*=} "*) printf 'translated to %s\n' "${one#*=}"; exit 0 ;; esac ;;
      esac
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
