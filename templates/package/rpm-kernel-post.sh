# After the files of kernel @RELEASE@ are in place: modules.dep, initramfs, boot entry. Never the default entry:
# a new kernel is tried for one boot first (build-kernel provision).
release='@RELEASE@'
image="/boot/vmlinuz-$release"
grubby=
for at in /sbin/grubby /usr/sbin/grubby; do
    if [ -x "$at" ]; then grubby=$at; break; fi
done
was=
if [ -n "$grubby" ]; then was=$("$grubby" --default-kernel 2>/dev/null); fi

/sbin/depmod -a -F "/boot/System.map-$release" "$release" || echo "depmod $release failed: run it by hand" >&2

if [ -x /sbin/new-kernel-pkg ]; then
    # EL6 and EL7. A package name that is not DEFAULTKERNEL's (/etc/sysconfig/kernel) is not made the default.
    /sbin/new-kernel-pkg --package '@PACKAGE@' --mkinitrd --dracut --depmod --install "$release" ||
        echo "new-kernel-pkg failed: kernel $release has no boot entry yet" >&2
elif [ -n "$grubby" ]; then
    initrd=
    if command -v dracut >/dev/null 2>&1 && dracut --force "/boot/initramfs-$release.img" "$release"; then
        initrd="--initrd=/boot/initramfs-$release.img"
    fi
    "$grubby" --add-kernel="$image" $initrd --copy-default --title="Linux $release" ||
        echo "grubby failed: kernel $release has no boot entry yet" >&2
else
    echo "no boot loader tool found: add a boot entry for $image yourself" >&2
fi

if [ -n "$was" ] && [ "$("$grubby" --default-kernel 2>/dev/null)" != "$was" ]; then
    "$grubby" --set-default="$was" || echo "the default boot entry is no longer $was" >&2
fi
exit 0
