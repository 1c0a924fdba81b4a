import { cell } from './markdown.js';

/** docs/GATEWAY-YAML.md's tables, from the JSON Schema. */

interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | false;
}

function typeOf(schema: Schema): string {
  if (schema.anyOf) return schema.anyOf.filter(({ type }) => type !== 'null').map(typeOf).join(', or ');
  if (schema.enum) return schema.enum.map((each) => `\`${String(each)}\``).join(' ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : '?'}`;
  if (schema.title !== undefined) return schema.title;
  if (schema.type === 'object') return schema.properties ? 'mapping' : `mapping to ${schema.additionalProperties ? typeOf(schema.additionalProperties) : '?'}`;
  if (schema.type === 'integer' || schema.type === 'number') return schema.maximum === undefined ? 'number' : `${String(schema.minimum ?? 0)} to ${String(schema.maximum)}`;
  return schema.type === 'boolean' ? '`true` `false`' : 'text';
}

/** The mapping that a value has below it, and what stands between: [] for a list, NAME for a mapping by names. */
function below(schema: Schema): { schema: Schema; suffix: string } | undefined {
  if (schema.properties) return { schema, suffix: '' };
  if (schema.anyOf) return schema.anyOf.map(below).find((each) => each !== undefined);
  const inner = schema.type === 'array' ? schema.items : schema.type === 'object' && schema.additionalProperties ? schema.additionalProperties : undefined;
  const found = inner && below(inner);
  return found && { schema: found.schema, suffix: `${schema.type === 'array' ? '[]' : '.NAME'}${found.suffix}` };
}

function section(name: string, schema: Schema, level: number): string[] {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const needed = schema.required?.includes(key) ?? false;
    const simple = value.default !== undefined && typeof value.default !== 'object';
    const otherwise = needed ? '**needed**' : simple ? `\`${String(value.default)}\`` : '';
    return `| \`${key}\` | ${cell(typeOf(value))} | ${otherwise} | ${cell(value.description ?? '')} |`;
  });
  const deeper = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const found = below(value);
    return found ? section(`${name === '' ? '' : `${name}.`}${key}${found.suffix}`, found.schema, level + 1) : [];
  });
  return [
    ...(name === '' ? ['### The file', ''] : [`### ${name}`, '', ...(schema.description === undefined ? [] : [schema.description, ''])]),
    '| key | value | otherwise | |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...deeper,
  ];
}

export function referenceTables(document: Record<string, unknown>): string {
  const { definitions } = document as { definitions: Record<string, Schema> };
  return section('', definitions['gateway.yaml'] ?? {}, 3).join('\n').trimEnd();
}
