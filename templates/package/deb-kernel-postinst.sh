#!/bin/sh
# Kernel @RELEASE@: modules.dep, initramfs, boot entry.
set -e
release='@RELEASE@'
image="/boot/vmlinuz-$release"
[ "$1" = configure ] || exit 0

if command -v depmod >/dev/null; then depmod -a -F "/boot/System.map-$release" "$release"; fi

# Hooks that Debian's own kernels call; initramfs-tools, dracut and grub bring theirs. Both are also called by name
# where their hook is missing.
if [ -d /etc/kernel/postinst.d ] && command -v run-parts >/dev/null; then
    DEB_MAINT_PARAMS="$*" run-parts --report --exit-on-error --arg="$release" --arg="$image" /etc/kernel/postinst.d
fi
if [ ! -e /etc/kernel/postinst.d/initramfs-tools ] && command -v update-initramfs >/dev/null; then
    if [ -e "/boot/initrd.img-$release" ]; then update-initramfs -u -k "$release"; else update-initramfs -c -k "$release"; fi
fi
if [ ! -e /etc/kernel/postinst.d/zz-update-grub ] && command -v update-grub >/dev/null && [ -d /boot/grub ]; then
    update-grub
fi
exit 0
