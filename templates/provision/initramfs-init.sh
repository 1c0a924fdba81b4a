#!/bin/sh
# First program of an initial file system: loads what the root file system needs, mounts it and goes there. Whatever
# fails ends in a reboot, and with that in the kernel from before.
PATH=/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/lib/$module" 2>/dev/null; done </modules

root=
mode=ro
init=/sbin/init
type=$(cat /fstype)
flags=
for word in $(cat /proc/cmdline); do
  case $word in
    root=*) root=${word#root=} ;;
    rootfstype=*) type=${word#rootfstype=} ;;
    rootflags=*) flags=,${word#rootflags=} ;;
    rw) mode=rw ;;
    ro) mode=ro ;;
    init=*) init=${word#init=} ;;
  esac
done

give_up() {
  echo "initial file system: $*: back to the kernel from before in 10 seconds" >/dev/console
  sleep 10
  reboot -f
}

# Disks appear when their driver has found them.
tries=0
device=
while [ "$tries" -lt 150 ]; do
  case $root in
    UUID=* | LABEL=*) device=$(findfs "$root" 2>/dev/null) ;;
    *) device=$root ;;
  esac
  [ -z "$device" ] || [ ! -b "$device" ] || break
  tries=$((tries + 1))
  sleep 0.2
done
[ -n "$device" ] && [ -b "$device" ] || give_up "no root file system $root"
mount -t "$type" -o "$mode$flags" "$device" /root || give_up "cannot mount $device ($type)"
[ -x "/root$init" ] || [ -L "/root$init" ] || give_up "no $init on $device"
mount --move /dev /root/dev
umount /sys
umount /proc
exec switch_root /root "$init"
