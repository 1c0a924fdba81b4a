import { z } from 'zod';
import { dataFile } from '../data.js';
import { readYaml } from '../yaml.js';

/** Licences by program or library (patches/licences.yaml), as SPDX expressions. */
export type Licences = Readonly<Record<string, string>>;

/** @throws ExpectedError usage: the data file is not valid */
export async function loadLicences(): Promise<Licences> {
  return readYaml(dataFile('licences.yaml'), z.record(z.string(), z.string().min(2)));
}
