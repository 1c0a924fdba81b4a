#!/bin/sh
# Kernel @RELEASE@ is gone: its initramfs and boot entry go too.
set -e
release='@RELEASE@'
image="/boot/vmlinuz-$release"
case "$1" in
remove | purge) ;;
*) exit 0 ;;
esac

if [ -d /etc/kernel/postrm.d ] && command -v run-parts >/dev/null; then
    DEB_MAINT_PARAMS="$*" run-parts --report --exit-on-error --arg="$release" --arg="$image" /etc/kernel/postrm.d
fi
if [ ! -e /etc/kernel/postrm.d/initramfs-tools ] && command -v update-initramfs >/dev/null && [ -e "/boot/initrd.img-$release" ]; then
    update-initramfs -d -k "$release"
fi
if [ ! -e /etc/kernel/postrm.d/zz-update-grub ] && command -v update-grub >/dev/null && [ -d /boot/grub ]; then
    update-grub
fi
exit 0
