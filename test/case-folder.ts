/** A case: a folder with a cluster, what was logged and counted in it, and the answer that a person has read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { openCluster } from '../src/commands/cluster-view.ts';
import type { Finding } from '../src/diagnoses/finding.ts';
import type { Asked } from '../src/diagnoses/troubles.ts';
import { createManifestsCluster } from '../src/drivers/cluster-manifests.ts';
import { createInputs } from '../src/drivers/inputs.ts';
import type { Reporter } from '../src/evidence/facts.ts';
import { createLogParser } from '../src/evidence/log.ts';
import { createMetricsInput } from '../src/evidence/metrics.ts';
import { createMetricsReader, type MetricsReader } from '../src/evidence/metrics-reader.ts';
import { createTally, type Tally } from '../src/evidence/tally.ts';
import { type Case, type Explanation, explain, type Question } from '../src/explain.ts';
import { showOrigin } from '../src/manifests/place.ts';
import { showRef } from '../src/policy/resource.ts';
import { parseInstant, showInstant } from '../src/policy/time.ts';

/** `question.json`: all that is not left out. Times as RFC 3339. */
interface Asking {
  readonly namespace?: string;
  readonly workload?: Question['workload'];
  readonly port?: number;
  readonly at?: string;
  readonly asked?: readonly (Omit<Asked, 'at'> & { readonly at?: string })[];
}

export interface CaseFolder {
  readonly id: string;
  readonly name: string;
  readonly isFiring: boolean;
  readonly path: string;
}

/** `ID/firing-…` and `ID/quiet-…` below `root`. */
export function caseFolders(root: string): readonly CaseFolder[] {
  return readdirSync(root)
    .sort()
    .flatMap((id) =>
      readdirSync(join(root, id))
        .sort()
        .map((name) => ({ id, name, isFiring: name.startsWith('firing-'), path: join(root, id, name) })),
    );
}

const CLUSTER = /^(?:cluster|history)\.(?:ya?ml|json|jsonl)$/;

/**
 * Its files: `cluster.yaml` (or `.json`; `history.jsonl` for watch events), `NAMESPACE_POD.log`, `NAMESPACE_POD.before.prom` and `.after.prom`,
 * `policy-controller.log`, `targets.json` (Prometheus' `/api/v1/targets`), `question.json`.
 */
export async function explainCase(folder: CaseFolder, order: Order = 'as-it-comes'): Promise<Explanation> {
  return explain((await caseOf(folder, order)).case);
}

/** `reversed`: files, and the objects that were there from the start, from the last to the first. */
type Order = 'as-it-comes' | 'reversed';

/** What of it goes in, and the text of its cluster's files. */
export async function caseOf(
  { path }: CaseFolder,
  order: Order = 'as-it-comes',
): Promise<{ readonly case: Case; readonly files: ReadonlyMap<string, string> }> {
  const inOrder = <T>(list: readonly T[]): readonly T[] => (order === 'reversed' ? list.toReversed() : list);
  const names = inOrder(readdirSync(path).sort());
  const files = names.filter((name) => CLUSTER.test(name)).map((name) => join(path, name));
  const record = await createManifestsCluster({
    paths: files,
    inputs: createInputs({ stdin: Readable.from([]) }),
    defaultNamespace: 'default',
  }).read();
  const start = inOrder(record.changes.filter(({ at }) => at === null));
  const changes = [...start, ...record.changes.filter(({ at }) => at !== null)];
  const tally = createTally();
  for (const name of names.filter((file) => file.endsWith('.log'))) addLog(name, readFileSync(join(path, name), 'utf8'), tally);
  const reader = createMetricsReader();
  for (const suffix of ['.before.prom', '.after.prom']) {
    for (const name of names.filter((file) => file.endsWith(suffix))) addPage(name, readFileSync(join(path, name), 'utf8'), reader, tally);
  }
  if (names.includes('targets.json')) addPage('targets.json', readFileSync(join(path, 'targets.json'), 'utf8'), reader, tally);
  const asking: Asking = names.includes('question.json') ? JSON.parse(readFileSync(join(path, 'question.json'), 'utf8')) : {};
  const { namespace = null, workload = null, port = null, asked = [] } = asking;
  const whole = {
    tally,
    cluster: openCluster({ ...record, changes }, {}).view,
    question: { namespace, workload, port, at: instant(asking.at) },
    asked: asked.map((one) => ({ ...one, at: instant(one.at) })),
  };
  return { case: whole, files: record.files };
}

function instant(text: string | undefined): number | null {
  return text === undefined ? null : parseInstant(text);
}

function reporterOf(file: string): Reporter {
  const [, namespace = null, pod = null] = /^([^_]+)_(.+?)(?:\.(?:before|after))?\.(?:log|prom)$/.exec(file) ?? [];
  return { cluster: '', namespace, pod, workload: null };
}

function addLog(name: string, text: string, tally: Tally): void {
  const parser = createLogParser({ name, reporter: reporterOf(name) });
  for (const fact of [...parser.push(text.replace(/\n$/, '')), ...parser.flush()]) tally.add(fact);
  if (parser.stats.unparsed > 0) throw new Error(`${name}: not understood: ${parser.stats.samples[0]?.text}`);
}

function addPage(name: string, text: string, reader: MetricsReader, tally: Tally): void {
  const input = createMetricsInput(reader, { name, reporter: reporterOf(name), at: null });
  input.push(text);
  input.end();
  for (const fact of reader.take()) tally.add(fact);
}

/** The answer as it is kept in `expected.json`; files without the way to them. */
export function answerData(explanation: Explanation, { path }: CaseFolder) {
  const show = (findings: readonly Finding[]) => findings.map((finding) => findingData(finding, path));
  return {
    clients: explanation.clients.map(({ client, targets }) => ({
      client: client.key,
      targets: targets.map(({ kind, server, route, port, findings }) => ({
        kind,
        server: server === null ? null : `${server.kind} ${server.name}`,
        route: route === null ? null : `${route.kind} ${route.name}`,
        port,
        findings: show(findings),
      })),
    })),
    troubles: explanation.troubles.map(({ client, destination, findings }) => ({
      client: client?.key ?? null,
      dialled: destination?.dialled ?? null,
      findings: show(findings),
    })),
    standing: show(explanation.standing),
  };
}

function findingData(finding: Finding, path: string) {
  const { objects, evidence } = finding;
  return {
    ...finding,
    objects: objects.map(({ ref, origin }) => {
      const place = origin === null ? '' : showOrigin(origin).replace(`${path}/`, '');
      return place === '' ? showRef(ref) : `${showRef(ref)} (${place})`;
    }),
    evidence: evidence.map(({ what, source, at }) => `${at === null ? '' : `${showInstant(at)} `}${source}: ${what}`),
  };
}

/** Every id that was found, wherever. */
export function idsIn({ clients, troubles, standing }: Explanation): ReadonlySet<string> {
  const all = [...clients.flatMap((c) => c.targets.flatMap((t) => t.findings)), ...troubles.flatMap((t) => t.findings), ...standing];
  return new Set(all.map(({ id }) => id));
}
