import { describe, expect, it } from 'vitest';
import { isOwn, parseWebhook } from '../../src/evidence/alert.ts';
import { type Answer, BOUNDS, type Incident, moved } from '../../src/triage/incident.ts';
import { postedAlert, signatureOf } from '../../src/triage/posted-alerts.ts';
import { alert, createDesk, fromLog, fromMetrics, MINUTE, NOON, symptom } from './desk.ts';

const POSTING = { now: NOON, refresh: MINUTE, link: 'https://denywhy.example.com/' };
const ANSWER: Answer = {
  sentence: 'Nothing authorizes web.',
  object: 'Server shop/cart-http',
  finding: { id: 'identity-not-listed', certainty: 'certain' },
  at: NOON,
};

async function incident(more: Partial<Incident> = {}): Promise<Incident> {
  const desk = createDesk();
  await desk.take([fromMetrics()]);
  const [opened] = await desk.incidents();
  if (opened === undefined) throw new Error('no incident');
  return { ...opened, answer: ANSWER, ...more };
}

describe('an explained incident as an alert', () => {
  it('has its key and id as labels, the answer in annotations, and an end if nobody refreshes it', async () => {
    const one = await incident();
    expect(postedAlert(one, POSTING)).toEqual({
      labels: {
        alertname: 'DenywhyExplained',
        denywhy_incident: one.id,
        incident_kind: 'http-denied',
        namespace: 'shop',
        workload_kind: 'Deployment',
        workload_name: 'cart',
        srv_group: 'policy.linkerd.io',
        srv_kind: 'server',
        srv_name: 'cart-http',
        route_kind: 'default',
        route_name: 'default',
      },
      annotations: {
        summary: 'Nothing authorizes web.',
        decided_by: 'Server shop/cart-http',
        explanation: `https://denywhy.example.com/api/v1/incidents/${one.id}`,
      },
      startsAt: NOON,
      endsAt: NOON + 3 * MINUTE,
      generatorURL: `https://denywhy.example.com/api/v1/incidents/${one.id}`,
    });
  });

  it('says what to do, with a link to it where there is something', async () => {
    const said = async (wayOut: Incident['wayOut'], link = POSTING.link) =>
      Object.entries(postedAlert(await incident({ wayOut }), { ...POSTING, link })?.annotations ?? {}).slice(3);
    const { id } = await incident();
    const client = 'shop/Deployment/web';
    expect(await said({ verdict: 'fix', title: 'Correct the identity.', client })).toEqual([
      ['way_out', 'fix: Correct the identity.'],
      ['remedies', `https://denywhy.example.com/api/v1/incidents/${id}/remedies`],
    ]);
    expect(await said({ verdict: 'do-not-allow', title: 'x'.repeat(5000), client })).toEqual([
      ['way_out', `do-not-allow: ${'x'.repeat(1986)}`],
    ]);
    expect(await said({ verdict: 'needs-evidence', title: null, client: null })).toEqual([['way_out', 'needs-evidence']]);
  });

  it('keeps its labels whatever is found out, so that it stays the same alert', async () => {
    const before = await incident();
    const after: Incident = { ...before, clients: 9, evidence: 40, pods: ['cart-9'], answer: { ...ANSWER, sentence: 'A later sentence.' } };
    expect(postedAlert(after, POSTING)?.labels).toEqual(postedAlert(before, POSTING)?.labels);
    const [a, b] = [before, after].map((one) => postedAlert(one, POSTING)).map((posted) => posted && signatureOf(posted, NOON));
    expect(a).not.toBe(b);
  });

  it('says hostile text on one line, and none of it is markup', async () => {
    const sentence = 'Server a\nRESOLVED  all is well \u001b[2J\u202e<!channel> <a href="x">[look](https://evil.example)';
    const posted = postedAlert(await incident({ answer: { sentence, object: 'Server a\r\nb<i>', finding: null, at: NOON } }), POSTING);
    expect(posted?.annotations).toMatchObject({
      summary: 'Server a RESOLVED  all is well  [2J ‹!channel> ‹a href="x">[look] (https://evil.example)',
      decided_by: 'Server a b‹i>',
    });
  });

  it('comes back as one of denywhy’s own', async () => {
    const posted = postedAlert(await incident(), POSTING);
    const [back] = parseWebhook({ alerts: [{ status: 'firing', labels: posted?.labels, annotations: posted?.annotations }] }).alerts;
    expect(back !== undefined && isOwn(back)).toBe(true);
    expect(isOwn(alert())).toBe(false);
  });

  it('ends when the incident is resolved, is said for a while, and is another one when it comes back', async () => {
    const resolved = moved(await incident(), 'resolved', NOON + MINUTE, 'ann', 'fixed', BOUNDS);
    const at = (minutes: number, one: Incident) => postedAlert(one, { ...POSTING, now: NOON + minutes * MINUTE });
    expect(at(1, resolved)).toMatchObject({ startsAt: NOON, endsAt: NOON + MINUTE });
    expect(at(4, resolved)).toMatchObject({ endsAt: NOON + MINUTE });
    expect(at(5, resolved)).toBeNull();
    expect(at(6, moved(resolved, 'open', NOON + 6 * MINUTE, 'denywhy', 'it came back', BOUNDS))).toMatchObject({
      startsAt: NOON + 6 * MINUTE,
      endsAt: NOON + 9 * MINUTE,
    });
  });

  it.each<readonly [string, Partial<Incident>]>([
    ['that is not explained yet', { answer: null }],
    ['that waits for evidence', { waitingForEvidence: true }],
    ['that is muted', { muted: true }],
    ['of a kind that is not known', { kind: null }],
    ['that is a sign only', { kind: 'request-failed' }],
  ])('is none for an incident %s', async (_, more) => {
    expect(postedAlert(await incident(more), POSTING)).toBeNull();
  });

  it('has no link where no address is known, and no answer without end', async () => {
    const posted = postedAlert(await incident({ answer: { sentence: 'x'.repeat(5000), object: null, finding: null, at: NOON } }), {
      ...POSTING,
      link: '',
    });
    expect(posted).toMatchObject({ generatorURL: '', annotations: { summary: 'x'.repeat(2000) } });
    expect(Object.keys(posted?.annotations ?? {})).toEqual(['summary']);
  });

  it('has no empty labels: Alertmanager refuses them', async () => {
    const desk = createDesk();
    await desk.take([symptom(), fromLog({ server: null, route: null })]);
    for (const one of await desk.incidents())
      expect(Object.values(postedAlert({ ...one, answer: ANSWER }, POSTING)?.labels ?? {})).not.toContain('');
  });
});
