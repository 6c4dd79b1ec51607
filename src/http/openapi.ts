/** The OpenAPI document, made of the operations and of the shapes that validate. */
import * as z from 'zod';
import type { Answer, Operation } from './operation.ts';
import { SHAPES } from './schema-parts.ts';
import { problem } from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

export function openApi(operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const one of operations) {
    paths[one.path] ??= {};
    Object.assign(paths[one.path] as Record<string, Json>, { [one.method]: describe(one) });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'denywhy',
      version,
      summary: 'Why Linkerd denied a request',
      description:
        'Times are RFC 3339 in UTC. Errors are application/problem+json with `remedy`: what to do. A 2xx means that it is on disk.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths,
    components: {
      schemas: schemas(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of auth.tokens with the scope of the operation.' },
      },
    },
  };
}

const URI = '#/components/schemas/';

function schemas(): Json {
  const { schemas: made } = z.toJSONSchema(SHAPES, { uri: (id) => URI + id, io: 'input' });
  return Object.fromEntries(Object.entries(made).map(([id, schema]) => [id, plain(schema)]));
}

function schemaOf(schema: z.ZodType): Json {
  const id = SHAPES.get(schema)?.id;
  if (id !== undefined) return { $ref: URI + id };
  return plain(z.toJSONSchema(schema, { io: 'input' }));
}

/** Without what says nothing inside a document. */
function plain(schema: object): Json {
  const { $schema: _, $id: __, ...rest } = schema as Json;
  return rest;
}

function describe({ id, summary, scope, path, query, headers, body, answers }: Operation): Json {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...(query === null ? [] : queryParameters(query)),
    ...Object.entries(headers).map(([name, description]) => ({ name, in: 'header', description, schema: { type: 'string' } })),
  ];
  return {
    operationId: id,
    summary,
    description: scope === null ? 'Open to all.' : `Scope: ${scope}.`,
    ...(scope === null ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === null ? {} : { requestBody: { required: true, content: contentOf(body.content, body.schema) } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, responseOf(answer)])),
      default: { description: 'What went wrong, and what to do', content: contentOf(['application/problem+json'], problem) },
    },
  };
}

function queryParameters(query: z.ZodObject): readonly Json[] {
  const { properties = {} } = plain(z.toJSONSchema(query, { io: 'input' })) as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }));
}

function responseOf({ description, schema, content = ['application/json'] }: Answer): Json {
  if (schema === undefined) return { description };
  return { description, content: contentOf(schema === problem ? ['application/problem+json'] : content, schema) };
}

function contentOf(types: readonly string[], schema: z.ZodType | null): Json {
  const made = schema === null ? { type: 'string' } : schemaOf(schema);
  return Object.fromEntries(types.map((type) => [type, { schema: type === 'text/event-stream' ? { type: 'string' } : made }]));
}
