/** `replay.json`: each recorded request through our law, on the captured objects. */
import { InvalidInput } from '../../src/errors.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { fromHelmNames } from '../../src/policy/cluster-settings.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { Evaluation } from '../../src/policy/evaluation.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { createRateLimiter } from '../../src/policy/rate-limit.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { isObject } from '../../src/policy/selector.ts';
import { buildSnapshot, findWorkload, type Snapshot } from '../../src/policy/snapshot.ts';
import { connectionOf, type OracleRequest, type Query, trafficOf } from '../oracle/answers.ts';
import { differences } from '../oracle/diff.ts';
import type { Rec } from '../oracle/read.ts';
import type { Check, Folder } from './report.ts';

export interface Entry {
  readonly request: string;
  readonly target: Query['target'] | null;
  readonly connection: Query['connection'] | null;
  readonly http: OracleRequest | null;
  readonly observed: string;
  readonly decidable: boolean;
  readonly reason?: string;
  readonly verdict?: string;
  /** A policy file, used with `cluster.json`. */
  readonly objects?: string;
  readonly podAnnotations?: Readonly<Record<string, string | null>>;
  readonly answeredBy?: { readonly pod?: string; readonly ip?: string };
}

export interface Replay {
  readonly settings: Rec;
  readonly before: readonly Entry[];
  readonly after?: readonly Entry[];
  readonly beforeObjects?: string;
  readonly afterObjects?: string;
}

/** An entry with what we decide on it. */
export interface Replayed {
  readonly entry: Entry;
  readonly about: string;
  /** null: the entry reached no workload that a proxy would speak for. */
  readonly evaluation: Evaluation | null;
}

/** Snapshots of the situation, made once each. */
export interface Scene {
  readonly replay: Replay;
  /** The objects of the files; `annotate`: with the annotations that the target had at this request. */
  snapshot(files: readonly string[], annotate: Entry | null): Snapshot;
  /** Addresses of the nodes that pods run on. */
  nodes(): ReadonlySet<string>;
}

export function createScene(folder: Folder, replay: Replay): Scene {
  const info = fromHelmNames(replay.settings);
  const read = new Map<string, readonly Resource[]>();
  const snapshots = new Map<string, Snapshot>();
  const objects = (file: string): readonly Resource[] => {
    const known = read.get(file);
    if (known !== undefined) return known;
    const text = folder.read(file);
    if (text === null)
      throw new InvalidInput('replay.json names this file, and it is not there.', 'Copy the folder whole.', {
        file: `${folder.name}/${file}`,
      });
    const { resources } = readManifests(text, file, { mayBeOther: true });
    read.set(file, resources);
    return resources;
  };
  return {
    replay,
    snapshot(files, annotate) {
      const key = JSON.stringify([files, annotate?.podAnnotations ?? null, annotate?.target ?? null]);
      const known = snapshots.get(key);
      if (known !== undefined) return known;
      const resources = files.flatMap(objects).map((resource) => annotated(resource, annotate));
      const made = buildSnapshot(resources, info);
      snapshots.set(key, made);
      return made;
    },
    nodes() {
      const statuses = folder.read('cluster.json') === null ? [] : objects('cluster.json').map((r) => r.status);
      return new Set(statuses.flatMap((status) => (isObject(status) && typeof status['hostIP'] === 'string' ? [status['hostIP']] : [])));
    },
  };
}

/** The target with the annotations that it had at this request. */
function annotated(resource: Resource, entry: Entry | null): Resource {
  const { metadata } = resource;
  const target = entry?.target;
  if (entry?.podAnnotations === undefined || resource.kind !== target?.kind) return resource;
  if (metadata.name !== target.name || metadata.namespace !== target.namespace) return resource;
  const annotations = new Map(Object.entries(metadata.annotations ?? {}));
  for (const [name, value] of Object.entries(entry.podAnnotations)) {
    if (value === null) annotations.delete(name);
    else annotations.set(name, value);
  }
  return { ...resource, metadata: { ...metadata, annotations: Object.fromEntries(annotations) } };
}

/** The files that `beforeObjects` and `afterObjects` begin with: `cluster.json + policy.yaml (= …)`. */
export function filesNamed(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[(;]/, 1)[0]?.match(/[\w-]+(?:\.[\w-]+)*\.(?:json|ya?ml)/g) ?? [];
}

export function replayEntries(scene: Scene, when: 'before' | 'after'): readonly Replayed[] {
  const { replay } = scene;
  const files = filesNamed(when === 'before' ? replay.beforeObjects : replay.afterObjects);
  return (replay[when] ?? []).map((entry, i) => ({
    entry,
    about: `${when} ${i + 1} ${entry.request}`,
    evaluation: evaluationOf(scene, entry.objects === undefined ? files : ['cluster.json', entry.objects], entry),
  }));
}

function evaluationOf(scene: Scene, files: readonly string[], entry: Entry): Evaluation | null {
  const { target, connection } = entry;
  if (target === null || connection === null) return null;
  const snapshot = scene.snapshot(files, entry);
  const workload = findWorkload(snapshot, target.kind, target.namespace, target.name);
  if (workload === null || !workload.meshed) return null;
  const policy = inboundServer(snapshot, workload, target.port);
  const limiter = policy.rateLimit === null ? undefined : createRateLimiter(policy.rateLimit);
  return evaluate(policy, connectionOf(connection), trafficOf(entry.http), limiter);
}

export function checkVerdicts(entries: readonly Replayed[]): readonly Check[] {
  return entries
    .filter(({ entry }) => entry.decidable)
    .map(({ entry, about, evaluation }) => ({
      kind: 'verdict',
      about,
      differences: differences({ verdict: entry.verdict ?? null }, { verdict: evaluation?.verdict ?? 'unknown_workload' }),
    }));
}

export function undecidable(entries: readonly Replayed[]): readonly string[] {
  return entries
    .filter(({ entry }) => !entry.decidable)
    .map(({ entry, about }) => `${about}: not decidable: ${entry.reason ?? 'no reason given'}`);
}
