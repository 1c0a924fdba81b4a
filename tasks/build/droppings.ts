/**
 * Files that builds, editors and source browsers leave in a tree: the kernel's own .gitignore, and the usual others.
 * They are no edits. A file that the pristine tree has is never one, whatever its name.
 */
const DROPPING =
  /^\.(?!gitignore$|mailmap$)|~$|^#.*#$|\.(?:o|o\..*|a|s|ko|so|so\.dbg|mod\.c|mod|i|lst|symtypes|order|elf|bin|gz|bz2|lzma|xz|patch|diff|gcno|orig|rej|pyc|tmp)$|^(?:tags|TAGS|GTAGS|GRTAGS|GPATH|vmlinux|System\.map|Module\.(?:markers|symvers)|cscope\..*|compile_commands\.json)$/;
/** Headers and folders that `make` of this age writes into the source tree when it is not given O=. */
const GENERATED = /(?:^|\/)include\/(?:config|generated)\/|(?:^|\/)include\/(?:linux\/(?:autoconf|bounds|compile|utsrelease|version)|asm[^/]*\/asm-offsets)\.h$|(?:^|\/)__pycache__\/|(?:^|\/)\.[^/]+\//;

/** True when a file of this name is left over from a build or an editor (by its base name). */
export function isDroppingName(name: string): boolean {
  return DROPPING.test(name);
}

/** True when the file at this path is left over from a build or an editor. */
export function isDropping(path: string): boolean {
  return isDroppingName(path.slice(path.lastIndexOf('/') + 1)) || GENERATED.test(path);
}
