# Before the files of kernel @RELEASE@ go: its boot entry, initramfs and modules.dep. An upgrade removes them too,
# because the release, and with it every path, differs.
release='@RELEASE@'
if [ "$(uname -r)" = "$release" ]; then
    echo "kernel $release is the one that runs: modules not loaded yet cannot be loaded any more; reboot soon" >&2
fi
if [ -x /sbin/new-kernel-pkg ]; then
    /sbin/new-kernel-pkg --rminitrd --rmmoddep --remove "$release" || echo "new-kernel-pkg could not remove $release" >&2
else
    for grubby in /sbin/grubby /usr/sbin/grubby; do
        if [ -x "$grubby" ]; then "$grubby" --remove-kernel="/boot/vmlinuz-$release"; break; fi
    done
    rm -f "/boot/initramfs-$release.img"
fi
exit 0
