/** Every object of every remedy against the CRD of its kind, unknown fields reported: of the cases, and of captured situations. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/explain.ts';
import type { Remedy } from '../../src/remedies/remedy.ts';
import { folderAt } from '../captures/folders.ts';
import { pleadedOf, situationOf, troubleOf } from '../captures/remedies.ts';
import { caseFolders, caseOf } from '../case-folder.ts';
import { atHand, isMap, type Json, readSchemas, type Verdict, validate } from '../policy/crd.ts';

const CASES = caseFolders(join(import.meta.dirname, '../cases'));
const CAPTURED = join(import.meta.dirname, '../fixtures/captures/situations');
const SCHEMAS = new Map(readSchemas().map(([apiVersion, kind, schema]) => [`${apiVersion} ${kind}`, schema]));

/** Kubernetes' own: no CRD. */
const BUILT_IN: ReadonlySet<string> = new Set([
  'networking.k8s.io/v1 NetworkPolicy',
  'v1 ServiceAccount',
  'apps/v1 Deployment',
  'batch/v1 CronJob',
]);

/** What is wrong with the manifest, by its paths. */
function faultsOf(manifest: Json): readonly string[] {
  if (!isMap(manifest)) return ['no object'];
  const type = `${manifest['apiVersion']} ${manifest['kind']}`;
  if (BUILT_IN.has(type)) return [];
  const schema = SCHEMAS.get(type);
  if (schema === undefined) return [`${type}: no CRD has it`];
  const { apiVersion: _, kind: __, metadata: ___, ...rest } = manifest;
  const { apiVersion: ____, kind: _____, metadata: ______, ...properties } = schema.properties ?? {};
  const verdict: Verdict = { faults: new Set(), unknown: [] };
  validate({ ...schema, properties }, rest, type, verdict);
  return [...verdict.faults, ...verdict.unknown.map((path) => `${path}: unknown`)];
}

/** How many were held against a CRD. */
function checked(remedies: readonly Remedy[]): number {
  const manifests = remedies.flatMap(({ changes }) => changes.flatMap(({ manifest }) => (manifest === null ? [] : [manifest as Json])));
  for (const manifest of manifests) expect(faultsOf(manifest), JSON.stringify(manifest)).toEqual([]);
  return manifests.length;
}

describe.skipIf(!atHand)(`the objects of remedies and their CRDs ${atHand ? '' : '(../shared/schemas is absent)'}`, () => {
  it('are taken, of every case', async () => {
    let count = 0;
    for (const folder of CASES) {
      const { case: asked, files } = await caseOf(folder);
      const { clients, troubles } = explain({ ...asked, remedies: { files, forceGrant: true } });
      const ways = [...clients.flatMap(({ targets }) => targets), ...troubles].flatMap(({ wayOut }) => wayOut?.remedies ?? []);
      count += checked(ways);
    }
    expect(count).toBeGreaterThan(100);
  });

  it('are taken, of every captured situation', () => {
    let count = 0;
    for (const name of readdirSync(CAPTURED)) {
      const folder = folderAt(join(CAPTURED, name));
      const situation = situationOf(folder);
      const indexes = [...situation.requests.keys()];
      const troubles = indexes.flatMap((index) => troubleOf(folder, situation, index) ?? []);
      count += checked([...pleadedOf(folder, situation, indexes), ...troubles].flatMap(({ wayOut }) => wayOut?.remedies ?? []));
    }
    expect(count).toBeGreaterThan(10);
  });

  it('would not be taken with a field too many or too few, or in a version that is not served', () => {
    const server = (spec: Json, apiVersion = 'policy.linkerd.io/v1beta3') => ({
      apiVersion,
      kind: 'Server',
      metadata: { name: 'a' },
      spec,
    });
    const podSelector = { matchLabels: { app: 'a' } };
    const type = 'policy.linkerd.io/v1beta3 Server';
    expect(faultsOf(server({ podSelector, port: 80 }))).toEqual([]);
    expect(faultsOf(server({ podSelector, port: 80, proxyprotocol: 'HTTP/1' }))).toEqual([`${type}.spec.proxyprotocol: unknown`]);
    expect(faultsOf(server({ podSelector }))).toEqual([`${type}.spec.port`]);
    expect(faultsOf(server({ podSelector, port: 80 }, 'policy.linkerd.io/v9'))).toEqual(['policy.linkerd.io/v9 Server: no CRD has it']);
  });
});
