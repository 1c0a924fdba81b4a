import { createHash } from 'node:crypto';
import { ComponentType, HashAlgorithm } from '@cyclonedx/cyclonedx-library/Enums';
import { Bom, Component, LicenseExpression, Property, type Metadata } from '@cyclonedx/cyclonedx-library/Models';
import { JSON as Normal, JsonSerializer } from '@cyclonedx/cyclonedx-library/Serialize';
import { Spec1dot6 } from '@cyclonedx/cyclonedx-library/Spec';
import type { Manifest, ManifestInput } from '../manifest.js';
import type { Licences } from './licences.js';

/**
 * The bill of materials of an artifact in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), made from its manifest: what
 * it holds (kernel, tools), what it was made of (sources, patches), with digests and licences. Same manifest, same bytes.
 */

/** Version 5 style identifier: the same for the same contents. */
function serialNumber(of: string): string {
  const hex = createHash('sha256').update(of).digest('hex');
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function property(component: Component, name: string, value: string | undefined): void {
  if (value !== undefined) component.properties.add(new Property(`build-kernel:${name}`, value));
}

function made(type: ComponentType, name: string, ref: string, more: { version?: string; licence?: string; sha256?: string; description?: string } = {}): Component {
  const component = new Component(type, name, {
    bomRef: ref,
    ...(more.version === undefined ? {} : { version: more.version }),
    ...(more.description === undefined ? {} : { description: more.description }),
  });
  if (more.licence !== undefined) component.licenses.add(new LicenseExpression(more.licence));
  if (more.sha256 !== undefined) component.hashes.set(HashAlgorithm['SHA-256'], more.sha256);
  return component;
}

function source(input: ManifestInput): Component {
  const component = made(ComponentType.Data, input.name, `input:${input.name}`, {
    description: 'source',
    ...(input.kind === 'git' ? { version: input.digest } : { sha256: input.digest }),
  });
  // Which mirror it came from, and whether its digest was known before, is the build's story, not the artifact's: the manifest tells it.
  property(component, 'trust', input.trust.how === 'first-seen' || input.trust.how === 'lock-file' ? 'no published digest' : input.trust.how);
  return component;
}

/** Programs of all variants: one component each, its files' digests as properties. */
function programs(manifest: Manifest, licences: Licences): Component[] {
  const byName = new Map<string, Component>();
  for (const { name, version, path, sha256, variant } of manifest.tools) {
    const key = `${name}@${version}`;
    const component = byName.get(key) ?? made(ComponentType.Application, name, `tool:${key}`, { version, ...(licences[name] === undefined ? {} : { licence: licences[name] }) });
    property(component, `sha256 ${variant} ${path}`, sha256);
    byName.set(key, component);
  }
  return [...byName.values()];
}

/** An image that an artifact went into. */
export interface ImageContents {
  name: string;
  files: readonly { name: string; sha256: string }[];
  /** Programs in it that come neither with the artifact nor as a package: the boot loader, an appliance's busybox. */
  programs?: readonly { name: string; version: string; sha256?: string }[];
  /** A root that its user gave. */
  root?: { name: string; sha256: string };
  /** Packages of the distribution in it. */
  packages: readonly { name: string; version: string }[];
  /** Where they come from, for their identifiers: debian/bookworm. */
  distribution?: { id: string; codename: string };
}

function packageOf({ name, version }: { name: string; version: string }, distribution: ImageContents['distribution']): Component {
  const component = made(ComponentType.Library, name, `package:${name}`, { version });
  // https://github.com/package-url/purl-spec: the type deb.
  if (distribution) component.purl = `pkg:deb/${distribution.id}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?distro=${distribution.codename}`;
  return component;
}

/**
 * @param licences by program or library
 * @param image what the artifact went into; left out: the bill is the artifact's own
 * @returns CycloneDX JSON, lists in order
 */
export function artifactSbom(manifest: Manifest, licences: Licences, image?: ImageContents): string {
  const identity = [manifest.flavour, manifest.files.map(({ name, sha256 }) => [name, sha256]), ...(image ? [image] : [])];
  const bom = new Bom({ serialNumber: serialNumber(JSON.stringify(identity)) });
  const metadata: Metadata = bom.metadata;
  metadata.timestamp = new Date(manifest.epoch * 1000);
  metadata.tools.components.add(made(ComponentType.Application, manifest.tool.name, 'build-kernel', { version: manifest.tool.version, licence: 'MIT' }));
  const whole = made(ComponentType.Firmware, image?.name ?? manifest.flavour, 'artifact', { version: manifest.release });
  metadata.component = whole;
  const name = manifest.build === 'modules' ? 'linux-modules' : 'linux';
  const kernel = made(ComponentType.OperatingSystem, name, 'kernel', { version: manifest.release, ...(licences['kernel'] === undefined ? {} : { licence: licences['kernel'] }) });
  property(kernel, 'base', `${manifest.base.name} ${manifest.base.release}`);
  property(kernel, 'config sha256', manifest.config.sha256);
  for (const [program, version] of Object.entries(manifest.compiler)) property(kernel, `compiler ${program}`, version);
  const files = (image?.files ?? manifest.files).map((file) => made(ComponentType.File, file.name, `file:${file.name}`, { sha256: file.sha256 }));
  const sources = manifest.inputs.map(source);
  const patches = manifest.series.map(({ name: patch, sha256, from }, index) => made(ComponentType.File, patch, `patch:${String(index + 1)}:${patch}`, { sha256, description: `patch, ${from}` }));
  const tools = programs(manifest, licences);
  const others = (image?.programs ?? []).map(({ name: program, version, sha256 }) => made(ComponentType.Application, program, `program:${program}@${version}`, { version, ...(sha256 === undefined ? {} : { sha256 }), ...(licences[program] === undefined ? {} : { licence: licences[program] }) }));
  const root = image?.root === undefined ? [] : [made(ComponentType.File, image.root.name, `root:${image.root.name}`, { sha256: image.root.sha256, description: 'root file system that was given' })];
  const packages = (image?.packages ?? []).map((each) => packageOf(each, image?.distribution));
  for (const component of [kernel, ...files, ...sources, ...patches, ...tools, ...others, ...root, ...packages]) bom.components.add(component);
  for (const component of [kernel, ...files, ...tools, ...others, ...root, ...packages]) whole.dependencies.add(component.bomRef);
  for (const component of [...sources, ...patches]) kernel.dependencies.add(component.bomRef);
  return new JsonSerializer(new Normal.Normalize.Factory(Spec1dot6)).serialize(bom, { sortLists: true, space: 2 });
}
