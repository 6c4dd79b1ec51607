/** src/web/api-types.ts says what the OpenAPI document says: `--update` writes it anew. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startTestServer } from '../http/running.ts';

interface Schema {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly description?: string;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return `Shapes['${schema.$ref.split('/').at(-1)}']`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => typeOf(one, indent)).join(' | ');
  if (schema.oneOf !== undefined) return schema.oneOf.map((one) => typeOf(one, indent)).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(' | ');
  switch (schema.type) {
    case 'integer':
      return 'number';
    case 'array':
      return `readonly (${typeOf(schema.items ?? {}, indent)})[]`;
    case 'object':
      return objectOf(schema, indent);
    case undefined:
      return 'unknown';
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type;
    default:
      throw new Error(`not known how to write type ${schema.type}`);
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(properties).flatMap(([name, schema]) => [
    ...(schema.description === undefined ? [] : [`${inner}/** ${schema.description.replaceAll('*/', '')} */`]),
    `${inner}readonly ${/^[a-z]\w*$/i.test(name) ? name : JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${typeOf(schema, inner)};`,
  ]);
  const others =
    typeof additionalProperties === 'object'
      ? [`${inner}readonly [name: string]: ${Object.keys(properties).length > 0 ? 'unknown' : typeOf(additionalProperties, inner)};`]
      : [];
  return `{\n${[...fields, ...others, indent].join('\n')}}`;
}

it('src/web/api-types.ts', async () => {
  const running = await startTestServer();
  try {
    const { components } = (await running.ask('GET', '/openapi.json')).body as { components: { schemas: Record<string, Schema> } };
    const shapes = Object.entries(components.schemas).map(([name, schema]) => `  readonly ${name}: ${typeOf(schema, '  ')};`);
    const text = `/** Written by test/web/api-types.test.ts out of the OpenAPI document. */\nexport interface Shapes {\n${shapes.join('\n')}\n}\n`;
    await expect(text).toMatchFileSnapshot(join(import.meta.dirname, '../../src/web/api-types.ts'));
  } finally {
    await running.server.close(0);
  }
});
