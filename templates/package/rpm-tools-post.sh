# Registers the init scripts; their chkconfig lines say "-", so none is switched on.
for script in @SCRIPTS@; do
    if [ -x /sbin/chkconfig ]; then /sbin/chkconfig --add "$script"; fi
done
exit 0
