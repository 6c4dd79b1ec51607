/** Other situations, made of captured ones: other names, other company, other forms of the same objects. What is right stays right. */
import { parseAllDocuments } from 'yaml';
import { type Entry, filesNamed, type Replay } from './replay.ts';
import type { Folder } from './report.ts';

export interface Item {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly spec?: Fields;
  readonly status?: unknown;
}
type Fields = Readonly<Record<string, unknown>>;

const POLICY = 'policy.linkerd.io';
const OBJECTS = /^(?:cluster\.json|policy[\w-]*\.yaml)$/;

/** The objects of a file. */
export function itemsOf(text: string): readonly Item[] {
  return parseAllDocuments(text).flatMap((document) => {
    const value = document.toJSON() as (Item & { readonly items?: readonly Item[] }) | null;
    return value === null ? [] : (value.items ?? [value]);
  });
}

function listOf(items: readonly Item[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** `alter` gets the objects of one file: `cluster.json`, or one of the policy files. */
function withItems(folder: Folder, alter: (items: readonly Item[], file: string) => readonly Item[]): Folder {
  const known = new Map<string, string | null>();
  return {
    name: folder.name,
    read(file) {
      if (!OBJECTS.test(file)) return folder.read(file);
      let text = known.get(file);
      if (text === undefined) {
        const given = folder.read(file);
        text = given === null ? null : listOf(alter(itemsOf(given), file));
        known.set(file, text);
      }
      return text;
    },
  };
}

/** Words for words, in every file and in their names. `inText` does the same with an answer. */
export function renamed(folder: Folder, words: ReadonlyMap<string, string>): Folder & { readonly inText: (text: string) => string } {
  const pattern = new RegExp(`(?<!\\w|linkerd-)(?:${[...words.keys()].map(escaped).join('|')})(?![\\w])`, 'g');
  const inText = (text: string) => text.replace(pattern, (word) => words.get(word) ?? word);
  const back = new Map([...words].map(([word, other]) => [other, word]));
  const backwards = new RegExp(`(?<![\\w])(?:${[...back.keys()].map(escaped).join('|')})(?![\\w])`, 'g');
  return {
    name: folder.name,
    inText,
    read(file) {
      const text = folder.read(
        OBJECTS.test(file) || file.endsWith('.json') ? file : file.replace(backwards, (word) => back.get(word) ?? word),
      );
      return text === null ? null : inText(text);
    },
  };
}

function escaped(word: string): string {
  return word.replaceAll('.', '\\.');
}

/** Another trust domain of the whole cluster; what was foreign stays foreign. */
export function otherTrustDomain(folder: Folder, domain: string): Folder & { readonly inText: (text: string) => string } {
  const inText = (text: string) => text.replaceAll('.identity.linkerd.cluster.local', `.identity.linkerd.${domain}`);
  return {
    name: folder.name,
    inText,
    read(file) {
      const text = folder.read(file);
      if (text === null) return null;
      if (file !== 'replay.json') return inText(text);
      const replay = JSON.parse(inText(text)) as Replay;
      return JSON.stringify({ ...replay, settings: { ...replay.settings, identityTrustDomain: domain } });
    },
  };
}

/** The same objects from the last to the first. */
export function reversed(folder: Folder): Folder {
  return withItems(folder, (items) => items.toReversed());
}

/** Objects that have nothing to do with it: in the namespaces of the situation, and in others. */
export function crowded(folder: Folder, count: number): Folder {
  return withItems(folder, (items, file) => {
    const namespaces = [...new Set(items.flatMap(({ metadata: { namespace } }) => namespace ?? [])), 'crowd'];
    const others = Array.from({ length: count }, (_, i) => {
      const namespace = namespaces[i % namespaces.length] as string;
      return file === 'cluster.json' ? bystander(namespace, i) : unrelated(namespace, i);
    });
    return [...others.slice(0, count / 2), ...items, ...others.slice(count / 2)];
  });
}

function bystander(namespace: string, i: number): Item {
  const name = `crowd-${i}`;
  if (i % 3 === 0) return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
  const isMeshed = i % 3 === 1;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name, ...(isMeshed ? { 'linkerd.io/control-plane-ns': 'linkerd' } : {}) } },
    spec: { serviceAccountName: name, containers: [{ name: 'app', image: 'app', ports: [{ name: 'crowd', containerPort: 7777 }] }] },
    status: { phase: 'Running', podIP: `10.44.${Math.floor(i / 250)}.${(i % 250) + 1}` },
  };
}

function unrelated(namespace: string, i: number): Item {
  const metadata = { name: `crowd-${i}`, namespace, creationTimestamp: '2026-01-01T00:00:00Z' };
  const target = { group: POLICY, kind: 'Server', name: `crowd-${i - (i % 4)}` };
  switch (i % 4) {
    case 0:
      return {
        apiVersion: `${POLICY}/v1beta3`,
        kind: 'Server',
        metadata,
        spec: { podSelector: { matchLabels: { app: `crowd-${i + 1}` } }, port: 'crowd', proxyProtocol: 'HTTP/1', accessPolicy: 'deny' },
      };
    case 1:
      return { apiVersion: `${POLICY}/v1alpha1`, kind: 'NetworkAuthentication', metadata, spec: { networks: [{ cidr: '10.44.0.0/28' }] } };
    case 2:
      return {
        apiVersion: `${POLICY}/v1alpha1`,
        kind: 'MeshTLSAuthentication',
        metadata,
        spec: { identities: [`crowd-${i}.${namespace}.serviceaccount.identity.linkerd.cluster.local`] },
      };
    default:
      return {
        apiVersion: `${POLICY}/v1alpha1`,
        kind: 'AuthorizationPolicy',
        metadata,
        spec: { targetRef: target, requiredAuthenticationRefs: [{ group: POLICY, kind: 'MeshTLSAuthentication', name: `crowd-${i - 1}` }] },
      };
  }
}

/** The clients that were denied are named by a policy elsewhere: on a Server of other pods in the same namespace. */
export function namedElsewhere(folder: Folder): Folder {
  const { before } = JSON.parse(folder.read('replay.json') ?? '{}') as Replay;
  const identities = [...new Set(before.flatMap(({ connection }) => connection?.tls.client_id ?? []))].toSorted();
  const [target] = before.flatMap((entry) => entry.target ?? []);
  if (identities.length === 0 || target === undefined) return folder;
  return withItems(folder, (items, file) => {
    if (file === 'cluster.json') return items;
    const metadata = { name: 'elsewhere', namespace: target.namespace, creationTimestamp: '2026-01-01T00:00:00Z' };
    const more: readonly Item[] = [
      {
        apiVersion: `${POLICY}/v1beta3`,
        kind: 'Server',
        metadata,
        spec: { podSelector: { matchLabels: { app: 'elsewhere' } }, port: 1234 },
      },
      { apiVersion: `${POLICY}/v1alpha1`, kind: 'MeshTLSAuthentication', metadata, spec: { identities } },
      {
        apiVersion: `${POLICY}/v1alpha1`,
        kind: 'AuthorizationPolicy',
        metadata,
        spec: {
          targetRef: { group: POLICY, kind: 'Server', name: 'elsewhere' },
          requiredAuthenticationRefs: [{ group: POLICY, kind: 'MeshTLSAuthentication', name: 'elsewhere' }],
        },
      },
    ];
    return [...more, ...items];
  });
}

/** Servers in the version before `accessPolicy`, where they say what it meant. */
export function olderServers(folder: Folder): Folder {
  return withItems(folder, (items) =>
    items.map((item) => {
      if (item.kind !== 'Server' || (item.spec?.['accessPolicy'] ?? 'deny') !== 'deny') return item;
      const { accessPolicy: _, ...spec } = item.spec ?? {};
      return { ...item, apiVersion: `${POLICY}/v1beta1`, spec };
    }),
  );
}

/** Routes of the Gateway API in the place of Linkerd's own, and what refers to them. */
export function gatewayRoutes(folder: Folder): Folder {
  const group = 'gateway.networking.k8s.io';
  return withItems(folder, (items) =>
    items.map((item) => {
      if (item.kind === 'HTTPRoute' && item.apiVersion.startsWith(POLICY)) return { ...item, apiVersion: `${group}/v1` };
      const target = item.spec?.['targetRef'] as { readonly kind?: string; readonly group?: string } | undefined;
      return target?.kind === 'HTTPRoute' && target.group === POLICY
        ? { ...item, spec: { ...item.spec, targetRef: { ...target, group } } }
        : item;
    }),
  );
}

/** ServerAuthorizations in the place of AuthorizationPolicies that ask for one thing of a Server. */
export function serverAuthorizations(folder: Folder): Folder {
  return withItems(folder, (items) =>
    items.map((item) => {
      const { targetRef, requiredAuthenticationRefs } = (item.spec ?? {}) as {
        readonly targetRef?: { readonly kind: string; readonly name: string };
        readonly requiredAuthenticationRefs?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
      };
      const [only, ...others] = requiredAuthenticationRefs ?? [];
      if (item.kind !== 'AuthorizationPolicy' || targetRef?.kind !== 'Server' || only === undefined || others.length > 0) return item;
      const client = clientOf(items, item, only);
      return client === null
        ? item
        : { ...item, apiVersion: `${POLICY}/v1beta1`, kind: 'ServerAuthorization', spec: { server: { name: targetRef.name }, client } };
    }),
  );
}

function clientOf(
  items: readonly Item[],
  { metadata }: Item,
  { kind, name, namespace }: { readonly kind: string; readonly name: string; readonly namespace?: string },
): Fields | null {
  if (kind === 'ServiceAccount') return { meshTLS: { serviceAccounts: [{ name, namespace: namespace ?? metadata.namespace }] } };
  const named = items.find((item) => item.kind === kind && item.metadata.name === name && item.metadata.namespace === metadata.namespace);
  const identities = named?.spec?.['identities'];
  const networks = named?.spec?.['networks'];
  if (Array.isArray(identities)) return { meshTLS: { identities }, networks: [{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }] };
  return Array.isArray(networks) ? { unauthenticated: true, networks } : null;
}

/** Whether its requests all met the objects of `policy.yaml`, and those after the fix of `policy-after-fix.yaml`. */
export function isOfOnePolicy(folder: Folder): boolean {
  const { before, after = [], beforeObjects, afterObjects } = JSON.parse(folder.read('replay.json') ?? '{}') as Replay;
  const isPlain = [...before, ...after].every(({ objects, podAnnotations }) => objects === undefined && podAnnotations === undefined);
  const [first, later] = [filesNamed(beforeObjects), filesNamed(afterObjects)];
  return isPlain && first.join() === 'cluster.json,policy.yaml' && later.join() === 'cluster.json,policy-after-fix.yaml';
}

/** Two situations of one policy each in one cluster, at once: the second in namespaces and at addresses of its own. */
export function together(first: Folder, other: Folder): Folder {
  const a = JSON.parse(first.read('replay.json') ?? '{}') as Replay;
  const words = new Map(['shop', 'legacy', 'staging'].map((name) => [name, `${name}-b`]));
  const second = renamed(other, words);
  const moved = (text: string) =>
    text.replaceAll('10.42.', '10.43.').replaceAll('203.0.113.', '203.0.114.').replaceAll('fd00:42:', 'fd00:43:');
  const read = (folder: Folder, file: string) => folder.read(file) ?? '';
  const known = new Map<string, string>();
  const made = (file: string): string | null => {
    switch (file) {
      case 'cluster.json':
      case 'policy.yaml':
      case 'policy-after-fix.yaml':
        return listOf(distinct([...itemsOf(read(first, file)), ...itemsOf(moved(read(second, file)))]));
      case 'replay.json': {
        const c = JSON.parse(moved(read(second, file))) as Replay;
        return JSON.stringify({
          settings: a.settings,
          beforeObjects: 'cluster.json + policy.yaml',
          afterObjects: 'cluster.json + policy-after-fix.yaml',
          before: [...a.before, ...c.before],
          after: [...(a.after ?? []), ...(c.after ?? [])],
        });
      }
      case 'truth.json': {
        const [x, y] = [JSON.parse(read(first, file)), JSON.parse(moved(read(second, file)))] as [Truth, Truth];
        return JSON.stringify({ ...x, clients: { ...x.clients, ...y.clients } });
      }
      case 'traffic.jsonl':
        return `${read(first, file).trimEnd()}\n${moved(read(second, file))}`;
      default:
        return first.read(file);
    }
  };
  return {
    name: `${first.name}+${other.name}`,
    read(file) {
      const text = known.get(file) ?? made(file);
      if (text !== null) known.set(file, text);
      return text;
    },
  };
}

interface Truth {
  readonly clients?: Readonly<Record<string, readonly number[]>>;
}

function distinct(items: readonly Item[]): readonly Item[] {
  return [
    ...new Map(items.map((item) => [`${item.apiVersion} ${item.kind} ${item.metadata.namespace} ${item.metadata.name}`, item])).values(),
  ];
}

/** Two more pods of each client, denied and let in like the first: replicas that come all at once. */
export function withReplicas(folder: Folder): Folder {
  const replay = JSON.parse(folder.read('replay.json') ?? '{}') as Replay;
  const lines = (folder.read('traffic.jsonl') ?? '').split('\n').filter((line) => line.trim() !== '');
  const clients = lines.map(
    (line) => (JSON.parse(line) as { client: { namespace: string; pod: string | null; ip: string | null } }).client,
  );
  const copies = [1, 2];
  const isMovable = (entry: Entry, i: number) =>
    entry.connection?.tls.state === 'established' && clients[i]?.ip === entry.connection.client_ip && clients[i]?.pod !== null;
  const addressOf = (ip: string, n: number) => ip.replace(/^10\.42\.0\./, `10.4${4 + n}.0.`).replace(/^203\.0\.113\./, `203.0.${113 + n}.`);
  const more = copies.flatMap((n) =>
    replay.before.flatMap((entry, i) => {
      if (!isMovable(entry, i) || entry.connection === null) return [];
      const ip = addressOf(entry.connection.client_ip, n);
      const traffic = JSON.parse(lines[i] as string) as { client: { pod: string; ip: string } };
      const line = JSON.stringify({ ...traffic, client: { ...traffic.client, pod: `${traffic.client.pod}-${n}`, ip } });
      return [{ entry: { ...entry, connection: { ...entry.connection, client_ip: ip } }, line }];
    }),
  );
  const isClient = ({ metadata }: Item) =>
    replay.before.some(
      (entry, i) => isMovable(entry, i) && clients[i]?.pod === metadata.name && clients[i]?.namespace === metadata.namespace,
    );
  const cloned = withItems(folder, (items, file) =>
    file === 'cluster.json'
      ? [
          ...items,
          ...items
            .filter((item) => item.kind === 'Pod' && isClient(item))
            .flatMap((item) =>
              copies.map((n): Item => {
                const { podIP, ...status } = item.status as { readonly podIP: string };
                const ip = addressOf(podIP, n);
                return {
                  ...item,
                  metadata: { ...item.metadata, name: `${item.metadata.name}-${n}`, uid: `${n}` },
                  status: { ...status, podIP: ip, podIPs: [{ ip }] },
                };
              }),
            ),
        ]
      : items,
  );
  return {
    name: folder.name,
    read(file) {
      if (file === 'replay.json') return JSON.stringify({ ...replay, before: [...replay.before, ...more.map(({ entry }) => entry)] });
      if (file === 'traffic.jsonl') return [...lines, ...more.map(({ line }) => line)].join('\n');
      return cloned.read(file);
    },
  };
}
