# $1 is 0 when the last version goes, not in an upgrade.
if [ "$1" = 0 ]; then
    for script in @SCRIPTS@; do
        if [ -x /sbin/chkconfig ]; then
            /sbin/service "$script" stop >/dev/null 2>&1
            /sbin/chkconfig --del "$script"
        fi
    done
fi
exit 0
