import { z } from 'zod';
import { gitSource, sha256Hex, sourceSpec } from '../../lib/sources.js';

/**
 * Data files of the tools stage, all under patches/tools/:
 *   NAME.yaml            a tool set: where its sources are and which recipes build it
 *   recipes/NAME.yaml    how one program is built and what of it is staged
 *   libraries/NAME.yaml  a library that static tools need, built with musl
 */

const id = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, dots and dashes');
const relative = z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/, 'a relative path that stays inside its folder');
const staged = z.string().regex(/^\/(?!.*(^|\/)\.\.(\/|$)).+$/, 'an absolute path on the target host');

/** A patch of ours, pinned like every other. */
const toolPatch = z.strictObject({ file: relative, sha256: sha256Hex, why: z.string().optional() });

/** One thing that is staged: a file, a folder with its files, or a symbolic link. */
export const installEntry = z.union([
  z.strictObject({
    from: relative,
    to: staged,
    mode: z.enum(['0755', '0644']).default('0755'),
    /** A program: stripped, and refused unless it is linked as the variant says. */
    elf: z.boolean().default(false),
    /** Not every tree has it. */
    optional: z.boolean().default(false),
  }),
  z.strictObject({ link: staged, to: z.string().min(1) }),
]);

/**
 * How a tree is built: configure and make with arguments in which {name} stands for a value (see template.ts).
 * Shared by tools and libraries.
 */
const buildSteps = {
  patches: z.array(toolPatch).default([]),
  /** Files of ours that are put into the tree where it has none: path in the tree → path under patches/. */
  add: z.record(relative, relative).default({}),
  /** Headers under patches/ that every source file is compiled with (-include). */
  include: z.array(relative).default([]),
  /** Compiler flags, beside -O2 and the variant's own. */
  cflags: z.array(z.string()).default([]),
  /** Make configure first (autoreconf -fi). */
  autoreconf: z.boolean().default(false),
  configure: z
    .strictObject({
      /** Run by its interpreter: some trees lost the file's x bit. */
      run: z.array(z.string()).min(1).default(['sh', './configure']),
      args: z.array(z.string()).default([]),
      static: z.array(z.string()).default([]),
      host: z.array(z.string()).default([]),
      /** Lines (white space squeezed) that configure must print; it exits 0 even when it left out what matters. */
      require: z.array(z.string()).default([]),
    })
    .optional(),
  /** Arguments of one run of make each. */
  make: z.array(z.array(z.string())).min(1),
  /** Added to every run of make. */
  makeStatic: z.array(z.string()).default([]),
  makeHost: z.array(z.string()).default([]),
};

/** patches/tools/recipes/NAME.yaml */
export const recipeSchema = z.strictObject({
  name: id,
  summary: z.string(),
  program: id,
  /** Where the version is written; `match` takes its first group. */
  version: z.strictObject({ file: relative, match: z.string().optional() }),
  /** Sources of its own, tried in order; without them the tree is a folder of the tool set's. */
  sources: z.array(sourceSpec).default([]),
  /** Libraries it links; libnl only counts in a tool set with netlink. */
  libraries: z.array(z.enum(['popt', 'openssl', 'libnl'])).default([]),
  ...buildSteps,
  install: z.array(installEntry).min(1),
});
export type Recipe = z.output<typeof recipeSchema>;

/** patches/tools/libraries/NAME.yaml: built with musl-gcc, installed below a prefix in the cache. */
export const librarySchema = z.strictObject({
  name: id,
  summary: z.string(),
  sources: z.array(sourceSpec).min(1),
  ...buildSteps,
  install: z.array(z.strictObject({ from: relative, to: relative, mode: z.enum(['0755', '0644']).default('0644') })).min(1),
});
export type Library = z.output<typeof librarySchema>;

/** patches/tools/NAME.yaml */
export const toolSetSchema = z
  .strictObject({
    name: id,
    summary: z.string(),
    /** A folder of the base's (patched) tree, or of a git tree of its own. None when every recipe has its own sources. */
    source: z
      .union([z.strictObject({ base: relative }), z.strictObject({ git: gitSource, path: relative })])
      .optional(),
    /** The tools speak to IPVS over generic netlink (libnl); otherwise over socket options. */
    netlink: z.boolean(),
    /** Seconds since 1970: the date the tools show as theirs (that of the published tree). */
    epoch: z.number().int().nonnegative(),
    /** The tools' copy of ip_vs.h, below the tool set's tree. */
    header: relative.optional(),
    /** In build order. */
    tools: z.array(z.strictObject({ recipe: id, dir: relative.default('.') })).min(1),
    /** Published differences between this header and its kernel's that are known to do no harm. */
    abi: z.array(z.strictObject({ struct: z.string(), why: z.string() })).default([]),
  });
export type ToolSet = z.output<typeof toolSetSchema>;

export type Variant = 'host' | 'static';
/** What tools and libraries have in common. */
export type BuildSteps = Pick<Library, 'name' | 'patches' | 'add' | 'include' | 'cflags' | 'autoreconf' | 'configure' | 'make' | 'makeStatic' | 'makeHost'>;
