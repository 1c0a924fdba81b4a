# Says what a host is: lines of NAME<TAB>VALUE…, for tasks/provision/facts. Changes nothing.
# Needs sh, coreutils (busybox's will do) and, for addresses, ip. ROOT: an image's root folder, '' for this host.

say() { printf '%s\t%s\n' "$1" "$2"; }

# What a path of the image is, its own links followed inside the image.
inside() {
  path=$1
  hops=0
  while [ -L "$ROOT$path" ] && [ "$hops" -lt 20 ]; do
    to=$(readlink "$ROOT$path")
    case $to in
      /*) path=$to ;;
      *) path=${path%/*}/$to ;;
    esac
    hops=$((hops + 1))
  done
  printf '%s\n' "$path"
}

first_line() {
  line=
  [ -r "$1" ] && IFS= read -r line <"$1" 2>/dev/null
  [ -n "$line" ] && printf "%s\n" "$line"
}

architecture() {
  if [ -z "$ROOT" ]; then
    uname -m
    return
  fi
  for program in /bin/sh /usr/bin/env /bin/busybox /sbin/init; do
    at=$ROOT$(inside "$program")
    [ -f "$at" ] || continue
    case $(od -An -tx1 -j18 -N2 "$at" | tr -d ' \n') in
      3e00) echo x86_64 ;;
      b700) echo aarch64 ;;
      0300) echo i686 ;;
      *) continue ;;
    esac
    return
  done
  echo unknown
}

# Read, not sourced: an image's file is no program of ours.
distribution() {
  id=linux version=''
  if [ -r "$ROOT/etc/os-release" ]; then
    while IFS= read -r line; do
      value=${line#*=}
      value=${value#[\"\']}
      value=${value%[\"\']}
      case $line in
        ID=*) id=$value ;;
        VERSION_ID=*) version=$value ;;
      esac
    done <"$ROOT/etc/os-release"
  elif [ -r "$ROOT/etc/redhat-release" ]; then
    IFS= read -r line <"$ROOT/etc/redhat-release"
    case $line in
      CentOS*) id=centos ;;
      'Red Hat'*) id=rhel ;;
      Scientific*) id=scientific ;;
      *) id=el ;;
    esac
    for word in $line; do
      case $word in [0-9]*) version=$word ;; esac
    done
  fi
  printf 'distribution\t%s\t%s\n' "$id" "$version"
}

init() {
  if [ -z "$ROOT" ]; then
    if [ -d /run/systemd/system ]; then say init systemd; else say init sysv; fi
  elif [ -e "$ROOT/lib/systemd/systemd" ] || [ -e "$ROOT/usr/lib/systemd/systemd" ]; then
    say init systemd
  else
    say init sysv
  fi
  if [ -d "$ROOT/etc/rc.d" ]; then say rc-folder /etc/rc.d; else say rc-folder /etc; fi
}

bootloader() {
  for config in /boot/grub/grub.cfg /boot/grub2/grub.cfg /boot/efi/EFI/*/grub.cfg; do
    at=$(inside "$config")
    [ -f "$ROOT$at" ] && { printf 'bootloader\tgrub2\t%s\n' "$at"; return; }
  done
  for config in /boot/grub/menu.lst /boot/grub/grub.conf /etc/grub.conf; do
    at=$(inside "$config")
    [ -f "$ROOT$at" ] && { printf 'bootloader\tgrub-legacy\t%s\n' "$at"; return; }
  done
  printf 'bootloader\tnone\t\n'
}

# Whether a folder, or the nearest one above it, can be written, and what is free there.
space() {
  for folder in /boot /lib/modules /var/lib; do
    at=$ROOT$folder
    while [ ! -d "$at" ]; do at=${at%/*}; [ -n "$at" ] || at=/; done
    free=$(df -Pk "$at" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)
    printf 'free\t%s\t%s\n' "$folder" "${free:-0}"
    read_only "$at" && say read-only "$folder"
  done
}

# The mount that a folder is on is the one mounted last on the longest path above it.
read_only() {
  [ -r /proc/self/mounts ] || return 1
  here=$(cd "$1" && pwd -P) || return 1
  best=- options=''
  while read -r _ where _ how _; do
    case $here/ in
      "${where%/}"/*) if [ "$best" = - ] || [ "${#where}" -ge "${#best}" ]; then best=$where options=$how; fi ;;
    esac
  done </proc/self/mounts
  case ,$options, in *,ro,*) return 0 ;; *) return 1 ;; esac
}

programs() {
  for program in ip ethtool tc sysctl modprobe depmod lsmod ipvsadm keepalived iptables iptables-save ip6tables nft dracut mkinitrd \
    update-initramfs update-grub grub-mkconfig grub2-mkconfig grub-reboot grub2-reboot grub-editenv grub2-editenv systemctl chkconfig \
    service udevadm irqbalance nmcli networkctl ipmitool sudo; do
    for folder in /usr/local/sbin /usr/sbin /sbin /usr/local/bin /usr/bin /bin; do
      [ -x "$ROOT$folder/$program" ] || continue
      printf 'program\t%s\t%s\n' "$program" "$folder/$program"
      break
    done
  done
}

kernels() {
  for image in "$ROOT"/boot/vmlinuz-*; do
    [ -f "$image" ] && say kernel "${image##*/vmlinuz-}"
  done
}

flag_up() { flags=$(first_line "$1/flags"); [ $((${flags:-0} & 1)) -eq 1 ]; }

interfaces() {
  for at in /sys/class/net/*; do
    device=${at##*/}
    [ "$device" = lo ] && continue
    [ -d "$at" ] || continue
    if [ ! -e "$at/device" ]; then
      say stacked "$device"
    else
      driver=$(readlink "$at/device/driver")
      modalias=$(first_line "$at/device/modalias")
      queues=0
      for queue in "$at"/queues/rx-*; do [ -d "$queue" ] && queues=$((queues + 1)); done
      [ "$queues" -gt 0 ] || queues=1
      if flag_up "$at"; then up=up; else up=down; fi
      printf 'interface\t%s\t%s\t%s\t%s\t%s\t%s\n' "$device" "$(first_line "$at/address")" "${driver##*/}" "$modalias" "$up" "$queues"
      # A virtio device needs the driver of the PCI device it is behind, and so on.
      bus=$(readlink -f "$at/device")
      while [ -n "$bus" ] && [ "$bus" != /sys/devices ] && [ "$bus" != /sys ]; do
        modalias=$(first_line "$bus/modalias") && printf 'interface-modalias\t%s\t%s\n' "$device" "$modalias"
        bus=${bus%/*}
      done
    fi
    for lower in "$at"/lower_* "$at"/brif/*; do
      [ -e "$lower" ] || continue
      lower=${lower##*/}
      printf 'lower\t%s\t%s\n' "$device" "${lower#lower_}"
    done
    for slave in $(first_line "$at/bonding/slaves"); do printf 'lower\t%s\t%s\n' "$device" "$slave"; done
  done
  ip -o addr show 2>/dev/null | while read -r _ device family address _; do
    case $family in inet | inet6) printf 'address\t%s\t%s\n' "${device%%@*}" "$address" ;; esac
  done
}

# Drivers from a disk up to its bus, and what a volume is made of.
disk_drivers() {
  at=$(readlink -f "/sys/class/block/$1" 2>/dev/null) || return
  for slave in "$at"/slaves/*; do
    [ -e "$slave" ] && { say root-driver dm_mod; disk_drivers "${slave##*/}"; }
  done
  case $1 in md*) say root-driver md_mod ;; esac
  while [ -n "$at" ] && [ "$at" != /sys ] && [ "$at" != / ]; do
    driver=$(readlink "$at/driver") && say root-driver "${driver##*/}"
    modalias=$(first_line "$at/modalias") && say root-modalias "$modalias"
    at=${at%/*}
  done
}

root_device() {
  device='' fstype=''
  while read -r what where type _; do
    [ "$where" = / ] && [ "$type" != rootfs ] && device=$what fstype=$type
  done </proc/self/mounts
  if [ "$device" = /dev/root ]; then
    # shellcheck disable=SC2013
    for word in $(cat /proc/cmdline); do
      case $word in
        root=UUID=*) device=$(readlink -f "/dev/disk/by-uuid/${word#root=UUID=}") ;;
        root=/*) device=${word#root=} ;;
      esac
    done
  fi
  real=$(readlink -f "$device" 2>/dev/null)
  uuid=''
  for link in /dev/disk/by-uuid/*; do
    [ -e "$link" ] && [ "$(readlink -f "$link")" = "$real" ] && uuid=${link##*/}
  done
  printf 'root\t%s\t%s\t%s\n' "$device" "$fstype" "$uuid"
  [ -n "$real" ] && disk_drivers "${real##*/}"
}

secure_boot() {
  for variable in /sys/firmware/efi/efivars/SecureBoot-*; do
    [ -r "$variable" ] || continue
    [ "$(od -An -tu1 -j4 -N1 "$variable" | tr -d ' ')" = 1 ] && say secure-boot yes
  done
}

# A watchdog that outlives a reboot is a BMC's, by the driver ipmi_watchdog: loaded, or there with a sign of a BMC.
bmc_watchdog() {
  [ -d /sys/module/ipmi_watchdog ] && [ -c /dev/watchdog ] && return
  for driver in "/lib/modules/$(uname -r)/kernel/drivers/char/ipmi/ipmi_watchdog.ko"*; do
    [ -f "$driver" ] || continue
    for sign in /dev/ipmi0 /dev/ipmi/0 /dev/ipmidev/0 /sys/class/ipmi/ipmi0 /sys/bus/acpi/devices/IPI0001:* /sys/firmware/dmi/entries/38-*; do
      [ -e "$sign" ] && return
    done
  done
  return 1
}

# SSH_CONNECTION: client's address and port, then ours.
management() {
  [ -n "$SSH_CONNECTION" ] || return
  # shellcheck disable=SC2086
  set -- $SSH_CONNECTION
  address=${3#::ffff:}
  device=$(ip -o addr show 2>/dev/null | while read -r _ name family with _; do
    [ "${with%%/*}" = "$address" ] && printf '%s\n' "${name%%@*}" && break
  done)
  printf 'management\t%s\t%s\t%s\n' "$address" "$device" "${1#::ffff:}"
}

processors() {
  cpus=0 nodes=0
  for at in /sys/devices/system/cpu/cpu[0-9]*; do [ -d "$at" ] && cpus=$((cpus + 1)); done
  for at in /sys/devices/system/node/node[0-9]*; do [ -d "$at" ] && nodes=$((nodes + 1)); done
  say cpus "$cpus"
  say numa-nodes "$nodes"
}

# keepalived.conf of a gateway that was provisioned earlier.
keepalived_conf() {
  case $(first_line "$ROOT/etc/keepalived/keepalived.conf") in '# build-kernel: '*) say keepalived-conf ours ;; esac
}

say facts 1
say arch "$(architecture)"
distribution
init
bootloader
space
programs
kernels
keepalived_conf
if [ -n "$ROOT" ]; then
  say offline yes
else
  say release "$(uname -r)"
  interfaces
  cat /sys/bus/*/devices/*/modalias 2>/dev/null | sort -u | while IFS= read -r modalias; do say modalias "$modalias"; done
  root_device
  [ -d /sys/firmware/efi ] && say uefi yes
  secure_boot
  bmc_watchdog && say bmc-watchdog yes
  management
  processors
  say cmdline "$(cat /proc/cmdline)"
fi
say end 1
