/** An incident is told in several places, and each begins with the same sentence, whatever kind it is of. */
import { readdirSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openCluster } from '../src/commands/cluster-view.ts';
import { createManifestsCluster } from '../src/drivers/cluster-manifests.ts';
import { createInputs } from '../src/drivers/inputs.ts';
import type { Fact } from '../src/evidence/facts.ts';
import { createLogParser } from '../src/evidence/log.ts';
import { placesIn } from '../src/evidence/places.ts';
import { createTally } from '../src/evidence/tally.ts';
import { explain, firstSentence } from '../src/explain.ts';
import type { ClusterView } from '../src/policy/history.ts';
import type { Incident } from '../src/triage/incident.ts';
import { postedAlert } from '../src/triage/posted-alerts.ts';
import { explainIncident, type IncidentEvent } from '../src/triage/work.ts';
import { addLogs, addMetrics } from './captures/evidence.ts';
import { reportersOf, requestsOf, serverOf, viewOf } from './captures/findings.ts';
import { folderAt } from './captures/folders.ts';
import { createScene, type Replay } from './captures/replay.ts';
import { startTestServer } from './http/running.ts';
import { run } from './run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const POD = 'backend-756f7c997f-2588f';
const LOG = `demo/logs/${readdirSync('demo/logs').find((name) => name.startsWith(POD))}`;

function factsOfLog(): readonly Fact[] {
  const workload = { kind: 'Deployment', namespace: 'production', name: 'backend' };
  const parser = createLogParser({ name: LOG, reporter: { cluster: '', namespace: 'production', pod: POD, workload } });
  return [...parser.push(gunzipSync(readFileSync(LOG)).toString()), ...parser.flush()];
}

async function storyOf() {
  const inputs = createInputs({ stdin: Readable.from([]) });
  const record = await createManifestsCluster({ paths: [HISTORY], inputs, defaultNamespace: 'default' }).read();
  return openCluster(record, {}).view;
}

interface Told {
  readonly clients: readonly { readonly targets: readonly { readonly findings: readonly { readonly summary: string }[] }[] }[];
}

it('the first sentence is the same in explain, in the demo, over HTTP, in the alert and in the job', { timeout: 120_000 }, async () => {
  const running = await startTestServer();
  onTestFinished(() => running.server.close(100));
  expect(await running.take(factsOfLog())).toBe('accepted');
  const jobs: IncidentEvent[] = [];
  const view = await storyOf();
  const work = { ...running.work, policy: () => ({ view, revision: 'end' }), published: async (job: IncidentEvent) => void jobs.push(job) };
  await running.queue.work((id) => explainIncident(id, work));

  const explained = JSON.parse(
    (await run(['explain', '-n', 'production', 'deploy/backend', '--cluster', HISTORY, '--logs', LOG, '-o', 'json'])).stdout,
  );
  const sentence = firstOf(explained);
  expect(sentence).toContain('MeshTLSAuthentication production/frontend-mtls');

  const { body } = await running.ask('GET', '/api/v1/incidents');
  const served = (body.items as readonly (Incident & { readonly answer: { readonly sentence: string } })[]).find(
    ({ answer }) => answer.sentence === sentence,
  );
  expect(served, JSON.stringify(body.items.map((i: Incident) => i.answer))).toBeDefined();
  expect(jobs.find(({ incident }) => incident.id === served?.id)?.incident.answer?.sentence).toBe(sentence);

  const [incident] = (await running.incidents()).filter(({ id }) => id === served?.id);
  const alert =
    incident === undefined ? null : postedAlert(incident, { now: Date.parse('2026-11-23T09:29:00Z'), refresh: 60_000, link: '' });
  expect(alert?.annotations['summary']).toBe(sentence);

  const { stdout } = await run(['demo', '--once', '-o', 'json']);
  expect(firstOf(JSON.parse(stdout))).toBe(sentence);
});

function firstOf({ clients }: Told): string {
  return clients[0]?.targets[0]?.findings[0]?.summary ?? '';
}

const SITUATIONS = ['captures/situations', 'no-denial']
  .flatMap((folder) => readdirSync(`test/fixtures/${folder}`).map((name) => `test/fixtures/${folder}/${name}`))
  .filter((path) => folderAt(path).read('replay.json') !== null);

/** The facts of a situation, each with its workload, and the objects in force at its requests. */
function captured(path: string): { readonly facts: readonly Fact[]; readonly view: ClusterView } {
  const folder = folderAt(path);
  const replay = JSON.parse(folder.read('replay.json') ?? '{}') as Replay;
  const requests = requestsOf(folder, createScene(folder, replay));
  const view = viewOf(requests, 'both');
  const places = placesIn(view.at(null));
  const facts: Fact[] = [];
  const into = {
    add(fact: Fact) {
      const { namespace, workload } = places.placeOf(fact.reporter);
      facts.push({ ...fact, reporter: { ...fact.reporter, namespace, workload } });
    },
  };
  addLogs(folder, into, reportersOf(requests), serverOf(folder, replay));
  addMetrics(folder, into, reportersOf(requests), serverOf(folder, replay));
  return { facts, view };
}

/** Every sentence with which an explanation of all of it begins. */
function sentencesOf({ facts, view }: ReturnType<typeof captured>): ReadonlySet<string> {
  const tally = createTally();
  for (const fact of facts) tally.add(fact);
  const { clients, troubles, standing } = explain({
    tally,
    cluster: view,
    question: { namespace: null, workload: null, port: null, at: null },
  });
  const found = [...troubles.flatMap(({ findings }) => findings.slice(0, 1)), ...standing];
  return new Set([...clients.flatMap(({ targets }) => targets.map(firstSentence)), ...found.map(({ summary }) => summary)]);
}

describe('the incidents of captured situations', () => {
  const kinds = new Set<string>();

  it.each(SITUATIONS)('%s', { timeout: 60_000 }, async (path) => {
    const situation = captured(path);
    const running = await startTestServer();
    onTestFinished(() => running.server.close(100));
    await running.take(situation.facts);
    const jobs = new Map<string, IncidentEvent>();
    const published = async (job: IncidentEvent) => void jobs.set(job.incident.id, job);
    const work = { ...running.work, policy: () => ({ view: situation.view, revision: 'then' }), published };
    await running.queue.work((id) => explainIncident(id, work));

    const explained = sentencesOf(situation);
    const items = (await running.ask('GET', '/api/v1/incidents')).body.items as readonly Incident[];
    for (const incident of await running.incidents()) {
      const { id, kind, answer } = incident;
      expect(jobs.get(id)?.incident.answer?.sentence).toBe(answer?.sentence);
      expect(items.find((item) => item.id === id)?.answer?.sentence).toBe(answer?.sentence);
      const alert = postedAlert(incident, { now: running.clock.now, refresh: 60_000, link: '' });
      if (alert !== null) expect(alert.annotations['summary']).toBe(answer?.sentence);
      if (answer?.finding == null) continue;
      expect([...explained]).toContain(answer.sentence);
      kinds.add(kind ?? '');
    }
  });

  it('are of all these kinds, with a cause', () => {
    expect([...kinds].sort()).toEqual([
      'admin-denied',
      'audit-allowed',
      'connect-failed',
      'http-denied',
      'rate-limited',
      'refused-before-policy',
      'request-failed',
      'route-not-found',
      'tcp-denied',
      'terminated',
    ]);
  });
});
