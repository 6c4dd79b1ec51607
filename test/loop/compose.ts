/** docker-compose.yml as far as it is used here: the parts of https://github.com/compose-spec/compose-spec that it may hold, and nothing else. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/);
const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully']);

/** `SOURCE:TARGET[:ro]`; a source with a dot or a slash in front is a file of the project, else a named volume. */
const mount = z.string().transform((text, context) => {
  const [, source, target, mode] = /^([^:]+):(\/[^:]+)(?::(ro))?$/.exec(text) ?? [];
  if (source !== undefined && target !== undefined)
    return { source, target, isReadOnly: mode === 'ro', isNamed: name.safeParse(source).success };
  context.addIssue({ code: 'custom', message: 'SOURCE:TARGET[:ro]' });
  return z.NEVER;
});

const service = z.strictObject({
  image: z.string().regex(/^[a-z0-9][a-z0-9./-]*(?::[A-Za-z0-9._-]+)?$/),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  command: z.array(z.string()).min(1),
  /** On this machine alone. */
  ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)).default([]),
  volumes: z.array(mount).default([]),
  depends_on: z.record(name, z.strictObject({ condition })).default({}),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']).default('no'),
});

const schema = z.strictObject({
  name,
  services: z.record(name, service),
  volumes: z.record(name, z.null()),
});

export type Compose = z.infer<typeof schema>;
export type ComposeService = Compose['services'][string];

/** Throws on everything that is not as above. */
export function readCompose(file: string): Compose {
  return schema.parse(parse(readFileSync(file, 'utf8')));
}

/** Each after those that it waits for; a circle throws. */
export function inOrder({ services }: Compose): readonly (readonly [name: string, service: ComposeService])[] {
  const ordered = new Map<string, ComposeService>();
  const visit = (wanted: string, above: readonly string[]) => {
    const found = services[wanted];
    if (found === undefined) throw new Error(`${above.at(-1)} waits for ${wanted}, which is no service`);
    if (above.includes(wanted)) throw new Error(`${wanted} waits for itself: ${above.join(', ')}`);
    for (const before of Object.keys(found.depends_on)) visit(before, [...above, wanted]);
    ordered.set(wanted, found);
  };
  for (const one of Object.keys(services)) visit(one, []);
  return [...ordered];
}
