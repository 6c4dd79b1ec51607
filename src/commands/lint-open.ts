/** What `lint` looks at, in the cluster that it goes to. */
import { withApplied } from '../access/applied.ts';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import { InvalidInput } from '../errors.ts';
import type { Scope } from '../lint/rule.ts';
import { readHelmValues } from '../manifests/helm-values.ts';
import { stateAt } from '../manifests/history.ts';
import type { Resource } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { ClusterRecord, Notice } from '../ports.ts';
import { openAsked } from './cluster-asked.ts';
import type { RawClusterOptions } from './cluster-options.ts';
import { openCluster } from './cluster-view.ts';
import type { Io } from './command.ts';
import { namespaceOf, settingsOf } from './explain-options.ts';
import { against } from './lint-shifts.ts';
import { createFactBook, observedTraffic } from './observed-traffic.ts';
import { gatherTraffic, readTraffic } from './recorded-traffic.ts';

export interface RawLintOptions extends RawClusterOptions {
  /** true: the live one. */
  readonly against?: string | true;
  readonly logs?: readonly string[];
  readonly metrics?: readonly string[];
  readonly fix?: string | true;
  readonly code?: string;
  readonly output: 'text' | 'json' | 'sarif' | 'github';
}

export interface Linted {
  readonly scope: Omit<Scope, 'suppressions'>;
  /** The texts that the objects stand in. */
  readonly files: ReadonlyMap<string, string>;
  readonly notices: readonly Notice[];
}

/** Errors: InvalidInput, Unavailable. */
export async function openLinted(paths: readonly string[], raw: RawLintOptions, io: Io): Promise<Linted> {
  if (paths.length === 0) return openLive(raw, io);
  const isLive = raw.context !== undefined || raw.kubeconfig !== undefined;
  if (isLive && raw.against === undefined)
    throw new InvalidInput(
      '--context and --kubeconfig are about a live cluster, and files are named.',
      'Give --against too, or leave them out.',
    );
  if (raw.against === undefined && (raw.logs ?? raw.metrics) !== undefined)
    throw new InvalidInput('--logs and --metrics tell who would lose access, and that takes a cluster.', 'Give --against too.');
  if (raw.against === '-' && paths.includes('-')) throw new InvalidInput('stdin cannot be read twice.', 'Put one of them into a file.');
  const inputs = createInputs({ stdin: io.stdin });
  const defaultNamespace = namespaceOf(raw.namespace) ?? 'default';
  const record = await createManifestsCluster({ paths, inputs, defaultNamespace, readOther: readHelmValues }).read();
  const resources = stateAt(record.changes, null);
  refuseTemplates(resources);
  const notices = record.notices.filter(({ message }) => !SAID_BY_RULES.test(message));
  if (raw.against === undefined) {
    const snapshot = openCluster(record, settingsOf(raw)).view.at(null);
    return { scope: { resources, snapshot, isWhole: isDump(resources) }, files: record.files, notices };
  }
  const { against: cluster, namespace: _namespace, logs = [], metrics = [], ...rest } = raw;
  const book = createFactBook();
  const unread: Notice[] = [];
  const opened = await openAsked(
    cluster === true ? { ...rest, allNamespaces: true } : { ...rest, cluster: [cluster] },
    null,
    io,
    async (live, own) => {
      if (logs.length + metrics.length > 0) return;
      for (const namespace of namespacesOf(resources)) unread.push(...(await gatherTraffic(live, own, namespace, book, io)));
    },
  );
  unread.push(...(await readTraffic({ logs, metrics }, opened, book)));
  const observed = observedTraffic(opened.snapshot, book.facts);
  return {
    scope: { resources, snapshot: over(opened.snapshot, resources), isWhole: true, against: against(opened.snapshot, record, observed) },
    files: record.files,
    notices: [...opened.notices, ...unread, ...notices],
  };
}

/** In quotes it is YAML, and no name. Errors: InvalidInput. */
function refuseTemplates(resources: readonly Resource[]): void {
  const template = resources.find(({ metadata }) => metadata.name.includes('{{') || metadata.namespace.includes('{{'));
  if (template === undefined) return;
  const { file, line, column } = template.origin ?? {};
  throw new InvalidInput('This is a template, not a manifest.', 'Render it first: helm template … > rendered.yaml', {
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line, column: column ?? 1 }),
  });
}

/** Those whose traffic the objects may decide. */
function namespacesOf(resources: readonly Resource[]): ReadonlySet<string> {
  return new Set(resources.map(({ metadata }) => metadata.namespace).filter((namespace) => namespace !== ''));
}

/** Wrong versions are findings. */
const SAID_BY_RULES = /Linkerd never sees it/;

async function openLive(raw: RawLintOptions, io: Io): Promise<Linted> {
  if (raw.against !== undefined)
    throw new InvalidInput('--against compares files with a cluster, and no file is named.', 'denywhy lint ./policies --against');
  if (raw.fix !== undefined) throw new InvalidInput('--fix repairs files, and none is named.', 'denywhy lint ./policies --fix');
  const { record, snapshot, namespace, notices } = await openAsked(raw, null, io);
  const all = objectsOf(record);
  const resources = namespace === null ? all : all.filter(({ metadata }) => metadata.namespace === namespace || metadata.namespace === '');
  return { scope: { resources, snapshot, isWhole: true }, files: record.files, notices };
}

function objectsOf(record: ClusterRecord): readonly Resource[] {
  return stateAt(record.changes, null);
}

function over(snapshot: Snapshot, resources: readonly Resource[]): Snapshot {
  return withApplied(
    snapshot,
    resources.map((apply) => ({ apply })),
  );
}

/** Pods out of an API server: with them comes what else there is. */
function isDump(resources: readonly Resource[]): boolean {
  return resources.some(({ kind, metadata }) => kind === 'Pod' && metadata.uid !== undefined);
}
