/** The lines of policy objects that decided: over every case folder, and of the story as a text that a person reads. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { objectsOf } from '../../src/commands/service-objects.ts';
import { explain } from '../../src/explain.ts';
import type { ShownObject } from '../../src/http/options.ts';
import * as shapes from '../../src/http/schemas.ts';
import { caseFolders, caseOf } from '../case-folder.ts';
import { BEFORE_MENDED, type ServedStory, serveStory } from '../story.ts';

/** `-` refuses, `+` makes it apply; the reason behind the first line. */
function show({ object, since, yaml, lines }: Pick<ShownObject, 'object' | 'since' | 'yaml' | 'lines'>): string {
  const shown = (yaml ?? '(none)\n').split('\n').map((text, i) => {
    const own = lines.filter(({ from, to }) => from <= i + 1 && i + 1 <= to);
    const mark = own.some(({ says }) => says === 'denies') ? '-' : own.length > 0 ? '+' : ' ';
    const reasons = own.filter(({ from }) => from === i + 1).map(({ reason }) => reason);
    return `${mark} ${text}${reasons.length > 0 ? `   # ${reasons.join('; ')}` : ''}`.trimEnd();
  });
  return [`== ${object.kind} ${object.namespace}/${object.name} (${since})`, ...shown].join('\n');
}

const CASES = caseFolders(join(import.meta.dirname, '../cases'));

it('every case whose decision an object took has a line that refuses, unless what was asked is allowed, and each line is there', async () => {
  const told: string[] = [];
  for (const folder of CASES) {
    const { case: given } = await caseOf(folder);
    const explanation = explain(given);
    if (given.cluster === null) continue;
    for (const target of explanation.clients.flatMap(({ targets }) => targets)) {
      const { objects } = objectsOf(target, given.cluster, 'denial');
      const lines = objects.flatMap((one) => one.lines.map((line) => ({ ...line, of: one.yaml?.split('\n').length ?? 0 })));
      expect(lines.every(({ from, to, of }) => from >= 1 && from <= to && to < of)).toBe(true);
      // A pod's annotation is no policy object.
      const isRefused = target.evaluation?.verdict === 'deny' && target.decision.object !== null && target.decision.object.kind !== 'Pod';
      if (isRefused && !lines.some(({ says }) => says === 'denies')) told.push(`${folder.id}/${folder.name}: ${target.decision.sentence}`);
      expect(objectsOf(target, given.cluster, 'now').objects.every((one) => one.lines.length === 0)).toBe(true);
    }
  }
  expect(told).toEqual([]);
}, 120_000);

describe('the recorded story', () => {
  let stopped: ServedStory;
  let whole: ServedStory;
  beforeAll(async () => {
    [stopped, whole] = await Promise.all([serveStory(BEFORE_MENDED), serveStory()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([stopped?.remove(), whole?.remove()]);
  });

  async function objectsIn({ url }: ServedStory, route: string | null, query = '') {
    const read = async (path: string) => (await fetch(`${url}/api/v1/incidents${path}`)).json();
    const { items } = shapes.incidentPage.parse(await read(''));
    const incident = items.find((one) => (one.route?.name ?? null) === route && (one.kind === 'http-denied' || one.kind === 'tcp-denied'));
    return shapes.incidentObjects.parse(await read(`/${incident?.id}/objects${query}`));
  }

  it('marks the identity that is not the client’s, the reference that needs it, and what makes both apply', async () => {
    const { of, items } = await objectsIn(stopped, 'backend-routes');
    expect(of).toBe('2026-11-23T09:27:59.617Z');
    await expect(`${items.map(show).join('\n')}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'golden/objects-frontend.txt'));
  });

  it('of now are those of now, without marks, and the mended one is said to be another', async () => {
    const before = await objectsIn(whole, 'backend-routes');
    const now = await objectsIn(whole, 'backend-routes', '?at=now');
    const textOf = ({ items }: typeof now) => items.find(({ object }) => object.kind === 'MeshTLSAuthentication');
    expect(textOf(before)).toMatchObject({ since: 'changed', yaml: expect.stringContaining('- frontend.prod.serviceaccount') });
    expect(textOf(now)).toMatchObject({
      since: 'changed',
      lines: [],
      yaml: expect.stringContaining('- frontend.production.serviceaccount'),
    });
    expect([before.items.length, now.items.length, now.of]).toEqual([4, 4, null]);
  });

  it('knows no objects of an incident that is not there', async () => {
    expect((await fetch(`${stopped.url}/api/v1/incidents/i0/objects`)).status).toBe(404);
  });
});
