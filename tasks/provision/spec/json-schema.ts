import { z } from 'zod';
import { gatewaySchema } from './schema/index.js';

/**
 * gateway.yaml's JSON Schema, for editors. It has the shape, the patterns and the descriptions; what crosses fields is only
 * checked by build-kernel check.
 */
export function gatewayJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(gatewaySchema, { io: 'input', target: 'draft-7', reused: 'inline' }) as Record<string, unknown>;
}
