/** What the API server serves, and what this account may do there: nothing is written, every answer is of the moment. */
import { Unavailable } from '../errors.ts';
import { getJson, type KubernetesClient, readText } from './kubernetes-client.ts';
import { KubernetesRefusal, refusalOf } from './kubernetes-faults.ts';
import { nameOfKind, WATCHED_KINDS } from './kubernetes-kinds.ts';
import { fields } from './upstream-json.ts';

export interface ServedVersion {
  /** `servers.policy.linkerd.io`. */
  readonly name: string;
  readonly isOptional: boolean;
  /** The first of those denywhy reads; null: none is served. */
  readonly version: string | null;
}

/** Of the kinds that denywhy reads, those with a group of their own. Errors: Unavailable. */
export async function readServed(client: KubernetesClient): Promise<readonly ServedVersion[]> {
  const kinds = WATCHED_KINDS.filter(({ group }) => group.endsWith('.io') && group.split('.').length > 2 && !group.endsWith('k8s.io'));
  const gateway = WATCHED_KINDS.filter(({ group }) => group === 'gateway.networking.k8s.io');
  const wanted = [...kinds, ...gateway];
  const paths = new Set(wanted.flatMap(({ group, versions }) => versions.map((version) => `/apis/${group}/${version}`)));
  const served = new Map(await Promise.all([...paths].map(async (path) => [path, await resourcesAt(client, path)] as const)));
  return wanted.map((kind) => {
    const version = kind.versions.find((one) => served.get(`/apis/${kind.group}/${one}`)?.has(kind.resource));
    return { name: nameOfKind(kind), isOptional: kind.isOptional, version: version ?? null };
  });
}

async function resourcesAt(client: KubernetesClient, path: string): Promise<ReadonlySet<unknown>> {
  try {
    const list = fields(await getJson(client, path, path));
    const resources = Array.isArray(list['resources']) ? (list['resources'] as readonly unknown[]) : [];
    return new Set(resources.map((resource) => fields(resource)['name']));
  } catch (error) {
    if (error instanceof KubernetesRefusal && error.status === 404) return new Set();
    throw error;
  }
}

export interface WantedRight {
  /** `pods/log`, `servers.policy.linkerd.io`. */
  readonly resource: string;
  readonly verb: string;
}

/** In the namespace; empty: in every one. Errors: Unavailable (also where the server does not answer such questions). */
export async function readRights<W extends WantedRight>(
  client: KubernetesClient,
  namespace: string,
  wanted: readonly W[],
): Promise<readonly (W & { readonly isAllowed: boolean })[]> {
  return Promise.all(wanted.map(async (right) => ({ ...right, isAllowed: await isAllowed(client, namespace, right) })));
}

async function isAllowed(client: KubernetesClient, namespace: string, { resource: full, verb }: WantedRight): Promise<boolean> {
  const [path = '', ...group] = full.split('.');
  const [resource = '', subresource] = path.split('/');
  const attributes = { verb, group: group.join('.'), resource, ...(subresource === undefined ? {} : { subresource }) };
  const { status, body } = await client.mayI({ ...attributes, ...(namespace === '' ? {} : { namespace }) });
  const text = await readText(body, client.place);
  if (status !== 201) throw refusalOf(status, text, 'its rights', client.place);
  try {
    return fields(fields(JSON.parse(text))['status'])['allowed'] === true;
  } catch {
    throw new Unavailable(`${client.place} answered with something else than JSON.`, 'Is this its address?');
  }
}
