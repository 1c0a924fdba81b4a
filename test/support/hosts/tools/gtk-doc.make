# Stands in for the file of gtk-doc, of which only the documentation needs more.
EXTRA_DIST =
CLEANFILES =
