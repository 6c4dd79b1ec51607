/** One client, several incidents: what one of them withholds from it no other offers, whichever was explained first. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRemedyAsking } from '../../src/commands/service-remedies.ts';
import type { Fact } from '../../src/evidence/facts.ts';
import { createLogParser } from '../../src/evidence/log.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { createHistory } from '../../src/policy/history.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { move } from '../../src/triage/actions.ts';
import type { Incident } from '../../src/triage/incident.ts';
import { postedAlert } from '../../src/triage/posted-alerts.ts';
import { sameClientsOf } from '../../src/triage/same-clients.ts';
import { explainIncident } from '../../src/triage/work.ts';
import { startTestServer } from '../http/running.ts';
import { createDesk, fromLog, fromMetrics, MINUTE, observation, WEB } from './desk.ts';

/** In the middle of the story: what comes after it has not happened yet. */
const NOW = Date.parse('2026-11-23T09:28:00Z');

function viewOf(path: string) {
  const { changes } = mergeManifests([readManifests(readFileSync(path, 'utf8'), path, {})]);
  return createHistory(
    changes.filter(({ at }) => at === null || at <= NOW),
    LINKERD_DEFAULTS,
  );
}

function factsOf(text: string, namespace: string, pod: string): readonly Fact[] {
  const workload = { kind: 'Deployment', namespace, name: pod.split('-')[0] ?? '' };
  const parser = createLogParser({ name: pod, reporter: { cluster: '', namespace, pod, workload } });
  return [...parser.push(text), ...parser.flush()];
}

function factsOfStory(): readonly Fact[] {
  const logs = readdirSync('demo/logs').filter((name) => /^(?:backend|database)-/.test(name));
  const facts = logs.flatMap((name) =>
    factsOf(gunzipSync(readFileSync(`demo/logs/${name}`)).toString(), 'production', name.replace(/\..*/, '')),
  );
  return facts.filter(({ at }) => at !== null && at <= NOW);
}

async function start(view: ReturnType<typeof viewOf>) {
  let remedies: ReturnType<typeof createRemedyAsking> | null = null;
  const list = async (id: string) => remedies?.list(id) ?? null;
  const running = await startTestServer({ remedies: { list, one: async () => 'no remedy' } });
  remedies = createRemedyAsking({ current: () => ({ view, revision: '1' }) }, running.store);
  onTestFinished(() => running.server.close(100));
  running.clock.now = NOW;
  return {
    ...running,
    explain: () => running.queue.work((id) => explainIncident(id, { ...running.work, policy: () => ({ view, revision: '1' }) })),
    /** What is to be done about each incident, and for which client. */
    async told() {
      const denials = (await running.incidents()).filter(({ kind }) => kind !== 'request-failed' && kind !== 'admin-denied');
      return Object.fromEntries(denials.map((incident) => [nameOf(incident), `${incident.wayOut?.verdict} ${incident.wayOut?.client}`]));
    },
  };
}

function nameOf({ kind, workload, route }: Incident): string {
  return [kind, workload?.name, ...(route === null ? [] : [route.name])].join(' ');
}

const STORY = viewOf('demo/policy-history.jsonl');
const SCANNER = 'security/Deployment/scanner';

describe('the story, taken in by the service', () => {
  const ENDING = {
    'http-denied backend backend-admin': 'decide production/Deployment/reports',
    'http-denied backend backend-routes': 'fix production/Deployment/frontend',
    'route-not-found backend': `do-not-allow ${SCANNER}`,
    'tcp-denied database': `do-not-allow ${SCANNER}`,
  };

  it('the scanner stays out of all of it, as explain says; lists are cut by that, and its alerts carry no grant', async () => {
    const desk = await start(STORY);
    await desk.take(factsOfStory());
    await desk.explain();
    expect(await desk.told()).toEqual(ENDING);

    const { items } = (await desk.ask('GET', '/api/v1/incidents?verdict=do-not-allow')).body;
    expect((items as readonly Incident[]).map(nameOf).sort()).toEqual(['route-not-found backend', 'tcp-denied database']);
    const posting = { now: NOW, refresh: MINUTE, link: 'https://denywhy.example' };
    const alerts = (await desk.incidents()).flatMap((incident) => postedAlert(incident, posting) ?? []);
    const withheld = alerts.filter(({ annotations }) => annotations['way_out']?.startsWith('do-not-allow: ') === true);
    expect(withheld.map(({ annotations }) => 'remedies' in annotations)).toEqual([false, false]);
  });

  it('each of its incidents says so when it is asked for its remedies, beside the other clients of it', async () => {
    const desk = await start(STORY);
    await desk.take(factsOfStory());
    const listed = await Promise.all(
      (await desk.incidents()).map(async ({ id }) => (await desk.ask('GET', `/api/v1/incidents/${id}/remedies`)).body.items),
    );
    const ofScanner = listed.flat().filter(({ client }) => client === SCANNER);
    expect(ofScanner.map(({ verdict, remedies }) => ({ verdict, remedies }))).toEqual(
      Array(4).fill({ verdict: 'do-not-allow', remedies: [] }),
    );
  });

  it('an explanation tells of its own target only', async () => {
    const desk = await start(STORY);
    await desk.take(factsOfStory());
    await desk.explain();
    const database = (await desk.incidents()).find(({ kind }) => kind === 'tcp-denied');
    const { explanation } = (await desk.ask('GET', `/api/v1/incidents/${database?.id}`)).body;
    const targets = explanation.clients.flatMap(
      (client: { readonly targets: readonly { readonly workload: unknown }[] }) => client.targets,
    );
    expect(targets.map(({ workload }: { readonly workload: unknown }) => workload)).toEqual([
      { kind: 'Deployment', namespace: 'production', name: 'database' },
    ]);
  });

  it('what was offered before the rest was known is taken back', async () => {
    const desk = await start(STORY);
    const facts = factsOfStory();
    const isFirst = (fact: Fact) => fact.reporter.workload?.name === 'database';
    await desk.take(facts.filter(isFirst));
    await desk.explain();
    expect(await desk.told()).toEqual({ 'tcp-denied database': `decide ${SCANNER}` });
    await desk.take(facts.filter((fact) => !isFirst(fact)));
    await desk.explain();
    expect(await desk.told()).toEqual(ENDING);
  });

  it('an incident that is resolved counts no more', async () => {
    const desk = await start(STORY);
    await desk.take(factsOfStory());
    const admin = (await desk.incidents()).find(({ route }) => route?.name === 'backend-admin');
    await move(desk.store, admin?.id ?? '', 'resolved', { actor: 'ann', reason: 'known', at: NOW }, desk.work.bounds);
    await desk.explain();
    expect((await desk.told())['tcp-denied database']).toBe(`decide ${SCANNER}`);
  });
});

describe('one that is refused by many', () => {
  const CASE = 'test/cases/denied-on-purpose/firing-a-scanner-from-nowhere';
  const facts = ['billing', 'orders', 'stock'].flatMap((name) => {
    const pod = `${name}-5f6d-aaaaa`;
    return factsOf(readFileSync(`${CASE}/shop_${pod}.log`, 'utf8'), 'shop', pod);
  });
  const sentences = async (desk: Awaited<ReturnType<typeof start>>) => {
    await desk.explain();
    return (await desk.incidents()).map(({ wayOut }) => [wayOut?.verdict, /refused by.*none/.exec(wayOut?.title ?? '')?.[0]]);
  };

  it('is refused on purpose by each of them', async () => {
    const desk = await start(viewOf(`${CASE}/cluster.yaml`));
    await desk.take(facts);
    expect(await sentences(desk)).toEqual(Array(3).fill(['do-not-allow', 'refused by 3 different targets and let in by none']));
  });

  it('unless it was seen to be let in somewhere', async () => {
    const desk = await start(viewOf(`${CASE}/cluster.yaml`));
    const ip = facts[0]?.client?.ip ?? '';
    await desk.take([...facts, observation({ client: { ip, port: null, tls: null } })]);
    expect((await sentences(desk)).map(([verdict]) => verdict)).not.toContain('do-not-allow');
  });
});

describe('the same client elsewhere', () => {
  const at = (name: string) => ({ kind: 'Deployment', namespace: 'shop', name });
  const otherThan = async (desk: ReturnType<typeof createDesk>, name: string) => {
    const incident = (await desk.incidents()).find(({ workload }) => workload?.name === name) as Incident;
    const { incidents, observations } = await sameClientsOf(incident, await desk.clients(incident.id), desk.store);
    return { incidents: incidents.map((other) => other.incident.workload?.name), observations: [...observations.values()] };
  };

  it.each([
    ['by its identity, from another address', { ip: '10.0.0.10', tls: WEB }, ['orders']],
    ['by its address, where nobody knew its identity', { ip: '10.0.0.9', tls: null }, ['orders']],
    ['not by another identity and address', { ip: '10.0.0.10', tls: null }, []],
  ])('is found %s', async (_how, { ip, tls }, found) => {
    const desk = createDesk();
    await desk.take([fromLog(), fromLog({ workload: at('orders'), pod: 'orders-1', client: { ip, port: null, tls } })]);
    expect((await otherThan(desk, 'cart')).incidents).toEqual(found);
  });

  it('is found by what a counter says', async () => {
    const desk = createDesk();
    await desk.take([fromLog(), fromMetrics({ workload: at('orders'), pod: 'orders-1' }), observation()]);
    const { incidents, observations } = await otherThan(desk, 'cart');
    expect(incidents).toEqual(['orders']);
    expect(observations).toEqual([
      expect.objectContaining({ tls: WEB, count: 5, reporter: expect.objectContaining({ namespace: 'shop' }) }),
    ]);
  });

  it('is another one in another cluster', async () => {
    const desk = createDesk();
    const { reporter, ...denial } = fromLog({ workload: at('orders'), pod: 'orders-1' });
    await desk.take([fromLog(), { ...denial, reporter: { ...reporter, cluster: 'east' } }]);
    expect((await otherThan(desk, 'cart')).incidents).toEqual([]);
  });

  it('is looked for in 16 incidents at most', async () => {
    const desk = createDesk();
    await desk.take([fromLog(), ...Array.from({ length: 20 }, (_, i) => fromLog({ workload: at(`w${i}`), pod: `w${i}-1` }))]);
    expect((await otherThan(desk, 'cart')).incidents).toHaveLength(16);
  });
});
