/** A situation: one denial, recorded from all sides. What its files say is compared with what we say; nothing depends on its name. */
import { InvalidInput } from '../../src/errors.ts';
import { parseGoJson } from '../../src/policy/diagnostics-policy.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { findWorkload } from '../../src/policy/snapshot.ts';
import { compareMetricDelta } from '../evidence/metric-delta.ts';
import { compareDiagnostics } from './diagnostics.ts';
import { checkCounters, checkLines, checkOthers, countersOf, readDenials } from './logs.ts';
import {
  checkVerdicts,
  createScene,
  type Entry,
  filesNamed,
  type Replay,
  type Replayed,
  replayEntries,
  type Scene,
  undecidable,
} from './replay.ts';
import type { Check, Folder, Report } from './report.ts';

/** What is read of `truth.json`. */
interface Truth {
  readonly server?: { readonly namespace: string; readonly pod: string; readonly port: number };
  readonly metricDelta?: readonly string[];
}

export function checkSituation(folder: Folder): Report {
  const replay = jsonOf<Replay>(folder, 'replay.json') as Replay;
  const truth = jsonOf<Truth>(folder, 'truth.json') ?? {};
  const scene = createScene(folder, replay);
  const before = replayEntries(scene, 'before');
  const after = replayEntries(scene, 'after');
  const parts: readonly Part[] = [
    { checks: checkVerdicts([...before, ...after]), skipped: undecidable([...before, ...after]) },
    policyPart(folder, scene, truth),
    metricsPart(folder, truth),
    logPart(folder, scene, truth, before),
  ];
  return { name: folder.name, checks: parts.flatMap((p) => p.checks), skipped: parts.flatMap((p) => p.skipped) };
}

interface Part {
  readonly checks: readonly Check[];
  readonly skipped: readonly string[];
}

function missing(what: string, files: readonly string[]): Part {
  return { checks: [], skipped: [`${what}: not compared, there is no ${files.join(' or ')}`] };
}

function jsonOf<T>(folder: Folder, file: string): T | null {
  const text = folder.read(file);
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new InvalidInput(`This is no JSON: ${(error as Error).message}.`, 'Copy the file again.', { file: `${folder.name}/${file}` });
  }
}

function policyPart(folder: Folder, scene: Scene, truth: Truth): Part {
  const text = folder.read('diagnostics-policy.json');
  if (text === null) return missing('policy', ['diagnostics-policy.json']);
  const named = filesNamed(scene.replay.beforeObjects);
  const files = named.length > 1 ? named : ['cluster.json', 'policy.yaml'];
  const target = portOf(scene.replay, truth);
  if (target === null) return { checks: [], skipped: ['policy: not compared, neither truth.json nor replay.json says of which port'] };
  const snapshot = scene.snapshot(files, null);
  const workload = findWorkload(snapshot, target.kind, target.namespace, target.name);
  const differences =
    workload === null
      ? [{ field: 'workload', expected: target.name, got: null }]
      : compareDiagnostics(parseGoJson(text), inboundServer(snapshot, workload, target.port));
  return {
    checks: [{ kind: 'policy', about: `diagnostics-policy.json ${target.namespace}/${target.name}:${target.port}`, differences }],
    skipped: [],
  };
}

/** The server's port. Where the request was answered by a pod that is not among the objects, the one that `replay.json` names stands for it. */
function portOf({ before }: Replay, { server }: Truth): Entry['target'] {
  if (server === undefined) return before.find((e) => e.target !== null)?.target ?? null;
  const entry = before.find((e) => e.answeredBy?.pod === server.pod && e.target !== null);
  return entry?.target ?? { kind: 'Pod', namespace: server.namespace, name: server.pod, port: server.port };
}

const BEFORE = 'server-metrics-before.prom';
const AFTER = 'server-metrics-after.prom';

function metricsPart(folder: Folder, { metricDelta }: Truth): Part {
  const [before, after] = [folder.read(BEFORE), folder.read(AFTER)];
  if (metricDelta === undefined) return missing('metrics', ['metricDelta in truth.json']);
  if (before === null || after === null) return missing('metrics', before === null ? [BEFORE] : [AFTER]);
  const found = compareMetricDelta(before, after, metricDelta);
  const lines = new Set([...metricDelta, ...found.flatMap(({ expected, got }) => expected ?? got ?? [])]);
  const checks = [...lines].map((line): Check => {
    const own = found.filter((d) => (d.expected ?? d.got) === line);
    return { kind: 'metrics', about: 'metricDelta', differences: own };
  });
  return { checks, skipped: [] };
}

/** Of the recorded traffic, and of its repetition by pods with another log format. */
const RECORDING = 'server-proxy.log';
const REPETITIONS = ['server-proxy.json.log', 'server-proxy-debug.json.log'];

function logPart(folder: Folder, scene: Scene, truth: Truth, entries: readonly Replayed[]): Part {
  const text = folder.read(RECORDING);
  const skipped: string[] = text === null ? [`logs: not compared, there is no ${RECORDING}`] : [];
  const checks: Check[] = [];
  const options = {
    pod: truth.server?.pod ?? entries.find((e) => e.entry.target !== null)?.entry.target?.name ?? null,
    nodes: scene.nodes(),
  };
  for (const file of [RECORDING, ...REPETITIONS]) {
    const log = folder.read(file);
    if (log === null) continue;
    const isRecording = file === RECORDING;
    const { denials, unparsed } = readDenials(log, file);
    checks.push(...checkLines(file, denials, entries, { ...options, isRecording }));
    for (const line of unparsed)
      checks.push({ kind: 'log', about: file, differences: [{ field: 'line', expected: 'a known line', got: line }] });
    const counters = countersOf(folder.read(AFTER) ?? '');
    if (!isRecording && counters !== null) checks.push(...checkOthers(file, denials, entries, counters));
    if (!isRecording) continue;
    if (counters === null) skipped.push(`log: lines not counted, ${AFTER} holds no metrics`);
    else checks.push(...checkCounters(file, denials, counters));
  }
  return { checks, skipped };
}
