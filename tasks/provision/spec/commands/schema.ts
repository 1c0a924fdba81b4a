import type { Io } from '../../../lib/io.js';
import { gatewayJsonSchema } from '../json-schema.js';

/** `build-kernel schema`: the JSON Schema of gateway.yaml on standard output. */
export function schema(io: Io): void {
  const document = gatewayJsonSchema();
  io.print(JSON.stringify(document, null, 2));
  io.result(document);
}
