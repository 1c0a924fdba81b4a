import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadFlavours } from '../../../../tasks/lib/flavours/catalog.js';
import { packageRoot } from '../../../../tasks/lib/paths.js';
import { gatewayJsonSchema } from '../../../../tasks/provision/spec/json-schema.js';
import { loadSpec } from '../../../../tasks/provision/spec/load.js';
import { toolWords } from '../../../../tasks/provision/spec/tools.js';

/** The examples that the package ships. */

const folder = join(packageRoot, 'templates/gateway');
const flavours = (await loadFlavours()).filter(({ kind }) => kind === 'flavour').map(({ name }) => name);
const example = async (name: string): Promise<string> => readFile(join(folder, `${name}.yaml`), 'utf8');

describe.each(flavours)('the example of %s', (name) => {
  it('loads, and its tools can be told', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'gateway-'));
    try {
      await copyFile(join(folder, `${name}.yaml`), join(scratch, 'gateway.yaml'));
      await writeFile(join(scratch, 'vrrp.password'), 's3cr3t\n', { mode: 0o600 });
      const spec = await loadSpec(join(scratch, 'gateway.yaml'));
      expect(spec.flavour.name).toBe(name);
      for (const host of spec.hosts) {
        const { steps, keepalived } = toolWords(spec.gateway(host));
        expect(steps.length + (keepalived?.length ?? 0)).toBeGreaterThan(0);
      }
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
  it('is valid for an editor too', async () => {
    const validate = new Ajv({ strict: false }).compile(gatewayJsonSchema());
    validate(parse(await example(name)));
    expect(validate.errors).toBeNull();
  });
});
