#!/bin/sh
# The replacement modules for kernel @RELEASE@ are gone: depmod finds the kernel's own again. Not in prerm, where they
# are still there.
set -e
release='@RELEASE@'
case "$1" in
remove | purge) ;;
*) exit 0 ;;
esac
if [ -d "/lib/modules/$release/kernel" ] && command -v depmod >/dev/null; then depmod -a "$release"; fi
exit 0
