/** The other form of the loop: the story's objects in a real API server, and the rule through the real operator. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { castOf } from '../../src/commands/demo-replay.ts';
import { createInputs } from '../../src/drivers/inputs.ts';
import { openRecording } from '../../src/drivers/recording.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { fillCluster, playChanges } from '../cluster/story.ts';
import { readStory, type StoryEvent } from '../cluster/story-events.ts';
import { waitFor } from '../prometheus.ts';
import { type Places, PROJECT } from './places.ts';

export interface ClusterStage {
  /** What a service is started with here. */
  command(service: string, command: readonly string[]): readonly string[];
  /** The story begins: its edits are made at its speed. */
  begin(): void;
  /** Rejects when the cluster is no more, or an edit is refused. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

const STORY = join(PROJECT, 'demo');
const NAMESPACE = 'monitoring';
const NAME = 'loop';
export async function stageCluster(places: Places, say: (line: string) => void, signal: AbortSignal): Promise<ClusterStage> {
  const cluster = await startCluster({ signal });
  try {
    const events = readStory(join(STORY, 'policy-history.jsonl'));
    await fillCluster(cluster, events);
    const rules = await ruleFileOf(cluster);
    writeFileSync(places.path('/etc/prometheus/rules/denywhy.yaml'), rules);
    say(`a cluster holds the story's objects, and its operator has made ${Buffer.byteLength(rules)} bytes of rules of the pack`);
    watchIn(cluster, places);
    return await staged(cluster, events);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function staged(cluster: Cluster, events: readonly StoryEvent[]): Promise<ClusterStage> {
  const stopped = new AbortController();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const work: Promise<void>[] = [];
  const run = (what: Promise<void>) =>
    work.push(what.catch((error: unknown) => (stopped.signal.aborted ? undefined : failed.reject(error))));
  void cluster.failed.then((how) => failed.reject(new Error(how)));
  const first = await offsetOfFirstChange(events);
  let speed = 1;
  return {
    command(service, command) {
      if (service !== 'exporter') return command;
      speed = Number(command[command.indexOf('--speed') + 1]);
      // The API server has the policies, nobody else.
      const at = command.indexOf('--policies');
      return command.toSpliced(at, 2);
    },
    begin() {
      const { signal } = stopped;
      run(sleep(first / speed, undefined, { signal }).then(() => playChanges(cluster, events, { speed, signal })));
    },
    failed: failed.promise,
    async stop() {
      stopped.abort();
      await Promise.all(work);
      await cluster.stop();
    },
  };
}

/** Applies the committed manifest, and returns what the operator hands to a Prometheus that selects it. */
async function ruleFileOf({ api, kubectl }: Cluster): Promise<string> {
  await kubectl(['create', 'namespace', NAMESPACE]);
  await kubectl(['apply', '--server-side', '-f', '-'], readFileSync(join(PROJECT, 'rules', 'prometheusrule.yaml'), 'utf8'));
  const spec = { ruleSelector: { matchLabels: { 'app.kubernetes.io/name': 'denywhy' } }, ruleNamespaceSelector: {} };
  const prometheus = { apiVersion: 'monitoring.coreos.com/v1', kind: 'Prometheus', metadata: { name: NAME, namespace: NAMESPACE }, spec };
  await kubectl(['create', '-f', '-'], JSON.stringify(prometheus));
  let rules = '';
  const isThere = async () => {
    const path = `/api/v1/namespaces/${NAMESPACE}/configmaps/prometheus-${NAME}-rulefiles-0`;
    const { data = {} } = await api.get<{ data?: Record<string, string> }>(path).catch(() => ({}) as { data?: Record<string, string> });
    rules = Object.values(data)[0] ?? '';
    return rules !== '';
  };
  if (!(await waitFor(isThere, 60_000))) throw new Error('the operator made no rule file of the pack within 60 s');
  return rules;
}

/** Milliseconds of the recording until its first edit. */
async function offsetOfFirstChange(events: readonly StoryEvent[]): Promise<number> {
  const cast = await castOf(await openRecording(STORY, createInputs({ stdin: Readable.from([]) })));
  const first = events.find(({ isInitial }) => !isInitial);
  return cast === null || first === undefined ? 0 : Date.parse(first.observedAt) - cast.from;
}

/** The configuration of denywhy with this cluster instead of a directory, as a user who may only read. */
function watchIn({ kubeconfig }: Cluster, places: Places): void {
  const file = places.path('/etc/denywhy/denywhy.yaml');
  const { cluster, ...config } = parse(readFileSync(file, 'utf8')) as { readonly cluster: { readonly name: string } };
  const watched = { ...config, cluster: { name: cluster.name }, kubernetes: { watch: true, kubeconfig: kubeconfig.viewer } };
  writeFileSync(file, stringify(watched));
}
