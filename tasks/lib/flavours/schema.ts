import { z } from 'zod';
import { LANGUAGES, type LanguageName } from '../gateway/languages.js';
import { commitHex, fileSource, gitSource, aptSource, sha256Hex } from '../sources.js';

/** Schemas of the data files under patches/: bases, flavours, compat series. Adding one needs no code. */

const id = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, dots and dashes');
const languageNames = Object.keys(LANGUAGES) as [LanguageName, ...LanguageName[]];
const relative = z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/, 'a relative path that stays inside its folder');

/** Git tree ids of folders: which published version an unpacked kernel is. */
export const identityEntry = z.strictObject({
  /** e.g. "2.6.32-220.23.1.el6" */
  version: z.string(),
  trees: z.record(relative, z.string().regex(/^[0-9a-f]{40}$/)),
});

/** patches/bases/NAME.yaml: an unpatched kernel source. */
export const baseSchema = z.strictObject({
  name: id,
  summary: z.string(),
  source: z.discriminatedUnion('kind', [fileSource, gitSource, aptSource]),
  /** How the source is laid out: an SRPM, a git tree, a tarball, a .deb that holds a tarball (linux-source). */
  layout: z.enum(['srpm', 'git', 'tarball', 'deb-tarball']),
  /** Folder of the kernel below the tree's root ("." when the root is the kernel). */
  kernel: relative.default('.'),
  /** Kernel release before a flavour's suffix: 2.6.32-220.23.1.el6. Left out: what the source itself says. */
  release: z.string().optional(),
  /** srpm: the tarball's name inside, and macros that rpmbuild -bp needs on a host that is no RHEL. */
  srpm: z
    .strictObject({
      tarball: z.string(),
      spec: z.string().default('kernel.spec'),
      defines: z.record(z.string(), z.string()).default({}),
    })
    .optional(),
  /** Version this tree must be (see patches/bases/identities.yaml); left out when no identity is known. */
  identity: z.string().optional(),
  /** Folders whose git tree id must be exactly this: a cheap proof beside the identity table. */
  proof: z.record(relative, z.string().regex(/^[0-9a-f]{40}$/)).default({}),
  /** Files that upstream committed by mistake and that break a build; removed after the patches are applied. */
  remove: z.array(relative).default([]),
  /** Name of the compat series (patches/compat/NAME.yaml). */
  compat: id.optional(),
  /** Kconfig fragments of this base, in order, per profile. */
  config: z.strictObject({
    gateway: z.array(relative).default([]),
    distro: z.array(relative).default([]),
  }),
  /** Objects that the gateway profile compiles, for the first ETA; measured. */
  objects: z.number().int().positive().optional(),
});
export type Base = z.output<typeof baseSchema>;

/** One patch of a series. */
export const patchEntry = z.strictObject({
  /** A file under patches/ (ours), or … */
  file: relative.optional(),
  /** … a file of a git tree at a commit, or a URL. */
  git: gitSource.extend({ path: relative }).optional(),
  url: fileSource.optional(),
  sha256: sha256Hex,
  strip: z.number().int().min(0).max(9).default(1),
  /** Folder the patch is applied in: the tree's root, or the kernel's folder. */
  in: z.enum(['root', 'kernel']).default('kernel'),
  /** Lines of context that may differ; 0 unless a recipe is known to need more. */
  fuzz: z.number().int().min(0).max(3).default(0),
  /** Paths (as in the patched tree) that the patch creates by mistake: .orig files, stubs of binary files. */
  drop: z.array(relative).default([]),
  why: z.string().optional(),
});
export type PatchEntry = z.output<typeof patchEntry>;

/** patches/compat/NAME.yaml: what a compiler newer than the source needs. */
export const compatSchema = z.strictObject({
  name: id,
  summary: z.string(),
  steps: z.array(
    z.strictObject({
      /** semver range of the compiler's version; left out: always. */
      gcc: z.string().optional(),
      why: z.string().optional(),
      cc: z.array(z.string()).default([]),
      ld: z.array(z.string()).default([]),
      patches: z
        .array(
          z.strictObject({
            file: relative,
            strip: z.number().int().min(0).max(9).default(1),
            bases: z.array(id).optional(),
            /** Flavours it is left out for (their patch has the change already). */
            notFor: z.array(id).optional(),
            sha256: sha256Hex,
            why: z.string().optional(),
          }),
        )
        .default([]),
    }),
  ),
});
export type Compat = z.output<typeof compatSchema>;

/** build: modules: which folder's modules are replaced, and in which kernel. */
const modulesSchema = z.strictObject({
  /** Folder of the kernel whose modules are built: net/netfilter/ipvs. */
  folder: relative,
  kernel: z.strictObject({
    /** Package of the distribution that depends on the headers of its current kernel: linux-headers-amd64. */
    headers: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/),
    /** Version that the series is made for: 6.1. Another one is refused by name. */
    version: z.string().regex(/^\d+\.\d+$/, 'a kernel version of two numbers, in quotes: "6.1"'),
  }),
});
export type ModulesSpec = z.output<typeof modulesSchema>;

/** patches/published/NAME.yaml: how its publisher says that a gateway is made, line by line, and what does it here. */
export const publishedSchema = z.strictObject({
  name: id,
  summary: z.string(),
  /** Where the lines stand. */
  source: gitSource.extend({ path: relative }),
  lines: z
    .array(
      z.strictObject({
        /** To the letter, but for indentation. */
        published: z.string(),
        /** What is wrong with it. */
        fault: z.string().optional(),
        /** What does it here, a command or a part of gateway.yaml; {flavour} stands for the flavour's name. */
        here: z.string(),
      }),
    )
    .min(1),
});
export type Published = z.output<typeof publishedSchema>;

/** patches/flavours/NAME.yaml: one way to make a SNAT gateway. */
const flavourFields = z.strictObject({
  name: id,
  summary: z.string(),
  kind: z.enum(['flavour', 'addon', 'not-applicable']).default('flavour'),
  /** Where it was published and by whom. */
  origin: z.string(),
  /** The publisher's own recipes (patches/published/NAME.yaml). */
  published: z.array(id).default([]),
  base: id.optional(),
  /** A kernel of its own, or replacement modules for the distribution's kernel. */
  build: z.enum(['kernel', 'modules']).default('kernel'),
  /** build: modules. */
  modules: modulesSchema.optional(),
  /** addon: bases it fits (all when left out). */
  bases: z.array(id).optional(),
  patches: z.array(patchEntry).default([]),
  /** Kconfig fragments after the base's. */
  config: z.array(relative).default([]),
  /** Suffix of the kernel release: .dsnat gives 2.6.32-220.23.1.el6.dsnat */
  suffix: z.string().regex(/^[.+a-z0-9-]*$/).optional(),
  /** Name of the tool set (patches/tools/NAME.yaml). */
  tools: id.optional(),
  /** What the configuration language of its tools can say. */
  language: z
    .strictObject({
      name: z.enum([...languageNames, 'chroute']),
      can: z.array(z.string()).default([]),
      cannot: z.array(z.string()).default([]),
    })
    .optional(),
  /** What a gateway of this flavour needs or has beside its language. */
  gateway: z
    .strictObject({
      /** Offloads of inside and outside devices that must be off. LRO is off on every gateway. */
      off: z.array(z.enum(['gro', 'lro'])).default([]),
      /** Settings that a gateway needs, unless the operator says otherwise. */
      sysctls: z.record(z.string().regex(/^[a-z0-9_.]+$/), z.string()).default({}),
      /** FULLNAT's TCP option with the client's address: the setting that turns it off. */
      toa: z.string().optional(),
      /** SNAT of IPv6 was seen to work. */
      ipv6: z.boolean().default(false),
      /** Services that its language has words for and that do not work (`broken` says why). */
      refuses: z.array(z.enum(['nat', 'fullnat'])).default([]),
      /** Ports of a public address that SNAT uses. */
      ports: z.strictObject({ first: z.number().int(), last: z.number().int() }).default({ first: 1024, last: 65535 }),
    })
    .prefault({}),
  /** Known limits of the published code, in plain words. */
  limits: z.array(z.string()).default([]),
  /** Scenarios of verify whose claim does not hold for this flavour, and why: upstream's own bug or limit. */
  broken: z.record(id, z.string()).default({}),
  /** Flavours that cannot be stacked with it, and the reason. */
  conflicts: z.record(id, z.string()).default({}),
  /** not-applicable: why, and what to use instead. */
  notApplicable: z.string().optional(),
});

export const flavourSchema = flavourFields.superRefine((flavour, context) => {
  const fault = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  if (flavour.build === 'modules') {
    if (flavour.modules === undefined) fault('build', 'build: modules needs `modules`: {folder, kernel: {headers, version}}');
    if (flavour.kind !== 'flavour') fault('kind', 'only a flavour can have build: modules');
    // The release is the distribution's, and its configuration too.
    if (flavour.suffix !== undefined) fault('suffix', 'modules for the distribution\'s kernel have its release: no suffix');
    if (flavour.config.length > 0) fault('config', 'the distribution has configured the kernel: no fragments');
  } else if (flavour.modules !== undefined) fault('modules', '`modules` needs build: modules');
});
export type Flavour = z.output<typeof flavourSchema>;

export const identitiesSchema = z.array(identityEntry);
export { commitHex };
