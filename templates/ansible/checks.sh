# shellcheck shell=sh
set -u
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
root=${ROOT:-}
# "trial": files may have the content they have until the run is confirmed.
when=${1:-}
nl='
'
failed=0
held=0
if timeout 1 true 2>/dev/null; then limit='timeout 15'
elif timeout -t 1 true 2>/dev/null; then limit='timeout -t 15'
else limit=
fi

differs() {
  failed=$((failed + 1))
  printf 'differs: %s\n  expected %s\n  seen %s\n' "$1" "$2" "$(printf '%s' "$3" | head -c 600)"
}

trim() {
  trimmed=$1
  trimmed=${trimmed#"${trimmed%%[![:space:]]*}"}
  trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}

# White space folded, line by line.
fold_lines() {
  folded=$nl
  set -f
  IFS=$nl
  for one in $1; do
    IFS=' 	'
    # shellcheck disable=SC2086
    set -- $one
    folded=$folded$*$nl
    IFS=$nl
  done
  IFS=" 	$nl"
  set +f
}

# effect ID NEEDS PROBE HOW EXPECTED…
effect() {
  id=$1 needs=$2 probe=$3 how=$4
  shift 4
  if [ -n "$needs" ] && ! command -v "$needs" >/dev/null 2>&1; then
    printf 'not looked at: %s: the host has no %s\n' "$id" "$needs"
    return
  fi
  trim "$($limit sh -c "$probe" </dev/null 2>/dev/null)"
  seen=$trimmed
  case $how in
    oneOf)
      for one in "$@"; do
        if [ "$seen" = "$one" ]; then held=$((held + 1)); return; fi
      done
      ;;
    matches) if printf '%s\n' "$seen" | grep -E -q -e "$1"; then held=$((held + 1)); return; fi ;;
    lines)
      fold_lines "$seen"
      missing=
      for one in "$@"; do
        case $folded in *"$nl$one$nl"*) ;; *) missing="$missing | $one" ;; esac
      done
      if [ -z "$missing" ]; then held=$((held + 1)); return; fi
      differs "$id" "the lines$missing" "$seen"
      return
      ;;
  esac
  differs "$id" "$*" "$seen"
}

what() {
  if [ -h "$1" ]; then seen="link $(readlink "$1")"
  elif [ -f "$1" ]; then seen='file'
  elif [ -d "$1" ]; then seen=folder
  elif [ -e "$1" ]; then seen=other
  else seen=absent
  fi
}

# resource KIND PATH EXPECTED (link TARGET, absent)
resource() {
  what "$root$2"
  if [ "$seen" = "$3" ]; then held=$((held + 1)); else differs "$1 $2" "$3" "$seen"; fi
}

# file PATH MODE SHA256 SHA256-ON-TRIAL
file() {
  what "$root$1"
  if [ "$seen" != file ]; then differs "file $1" 'a file' "$seen"; return; fi
  digest=$(sha256sum <"$root$1")
  digest=${digest%% *}
  if [ "$digest" != "$3" ] && { [ "$when" != trial ] || [ "$digest" != "$4" ]; }; then differs "file $1" 'the planned content' 'another content'; return; fi
  mode=$(stat -c %a "$root$1")
  if [ "$mode" = "$2" ]; then held=$((held + 1)); else differs "file $1" "mode $2" "mode $mode"; fi
}

# block PATH NAME SHA256 of what stands between the marker lines, without new lines at its end
block() {
  what "$root$1"
  if [ "$seen" != file ]; then differs "block $2 in $1" 'a file' "$seen"; return; fi
  inside='' found='' text=''
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      "# BEGIN build-kernel $2") inside=yes text= ;;
      "# END build-kernel $2") [ -z "$inside" ] || found=$found. ; inside= ;;
      *) [ -z "$inside" ] || text=$text$line$nl ;;
    esac
  done <"$root$1"
  trim "x$text"
  digest=$(printf '%s' "${trimmed#x}" | sha256sum)
  if [ "$found" = . ] && [ "${digest%% *}" = "$3" ]; then held=$((held + 1)); else differs "block $2 in $1" 'the block as planned' 'none, several, or another'; fi
}
