/**
 * Another judge of `captures --remedies -o json`: it reads what was printed and the recorded files, applies the changes to the objects, and asks the
 * policy room in the oracle's words. It shares nothing with the judge that printed it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { fromHelmNames } from '../../src/policy/cluster-settings.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { buildSnapshot } from '../../src/policy/snapshot.ts';
import { answer, type Query } from '../oracle/answers.ts';
import type { Rec } from '../oracle/read.ts';
import { situationFolders, situationsSkip } from '../remedies/offers.ts';

const LONG = 120_000;
/** Rows of facts §8 that make a word right in the place of a grant. */
const WORDS: Readonly<Record<string, readonly number[]>> = {
  'mesh it': [1, 2, 3, 5, 23, 27, 38, 40],
  'own ServiceAccount': [10],
  'do not allow': [1, 4],
};

interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}
type Changed = Resource | { readonly delete: Named };
interface Line {
  readonly situation: string;
  readonly client: string;
  readonly verdict?: string;
  readonly remedy?: { readonly id: string; readonly changes: readonly Changed[] };
}
interface Recorded {
  readonly request: string;
  readonly target: Query['target'] | null;
  readonly connection: Query['connection'] | null;
  readonly http: Query['request'];
  readonly decidable: boolean;
  readonly verdict?: string;
  readonly objects?: string;
  readonly podAnnotations?: Readonly<Record<string, string | null>>;
}

function textOf(path: string, file: string): string {
  const plain = join(path, file);
  return existsSync(plain) ? readFileSync(plain, 'utf8') : gunzipSync(readFileSync(`${plain}.gz`)).toString('utf8');
}

function objectsIn(text: string): readonly Resource[] {
  return parseAllDocuments(text).flatMap((document) => {
    const value = document.toJSON() as (Resource & { readonly items?: readonly Resource[] }) | null;
    return value === null ? [] : (value.items ?? [value]);
  });
}

function keyOf({ apiVersion, kind, namespace, name }: Named): string {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  return `${group}/${kind}/${namespace ?? ''}/${name}`;
}

function nameOf({ apiVersion, kind, metadata: { namespace, name } }: Resource): Named {
  return { apiVersion, kind, namespace, name };
}

function applied(objects: readonly Resource[], changes: readonly Changed[]): readonly Resource[] {
  const byKey = new Map(objects.map((object) => [keyOf(nameOf(object)), object]));
  for (const change of changes) {
    if ('delete' in change) byKey.delete(keyOf(change.delete));
    else byKey.set(keyOf(nameOf(change)), change);
  }
  return [...byKey.values()];
}

interface Situation {
  readonly entries: readonly Recorded[];
  readonly after: readonly Recorded[];
  readonly rows: Readonly<Record<string, readonly number[]>>;
  verdict(entry: Recorded, changes: readonly Changed[]): string;
}

function situationAt(path: string): Situation {
  const replay = JSON.parse(textOf(path, 'replay.json')) as {
    readonly settings: Rec;
    readonly before: readonly Recorded[];
    readonly after?: readonly Recorded[];
    readonly beforeObjects?: string;
  };
  const named = /cluster\.json \+ ([\w-]+\.yaml)/.exec(replay.beforeObjects ?? '')?.[1] ?? 'policy.yaml';
  return {
    entries: replay.before,
    after: replay.after ?? [],
    rows: (JSON.parse(textOf(path, 'truth.json')) as { readonly clients?: Situation['rows'] }).clients ?? {},
    verdict(entry, changes) {
      if (entry.target === null || entry.connection === null) return 'unreached';
      const given = ['cluster.json', entry.objects ?? named].flatMap((file) => objectsIn(textOf(path, file)));
      const objects = applied(given, changes).map((object) => ({
        ...object,
        metadata: { ...annotated(object, entry), namespace: object.metadata.namespace ?? '' },
      }));
      const query: Query = { id: '', target: entry.target, connection: entry.connection, request: entry.http, expect: {} };
      return String(answer(buildSnapshot(objects, fromHelmNames(replay.settings)), query)['verdict']);
    },
  };
}

function annotated({ kind, metadata }: Resource, { target, podAnnotations = {} }: Recorded): Resource['metadata'] {
  if (kind !== target?.kind || metadata.name !== target.name || metadata.namespace !== target.namespace) return metadata;
  const annotations = Object.entries({ ...metadata.annotations, ...podAnnotations }).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as const],
  );
  return { ...metadata, annotations: Object.fromEntries(annotations) };
}

function printed(paths: readonly string[]): readonly Line[] {
  const program = join(import.meta.dirname, '../captures.ts');
  const { stdout, stderr } = spawnSync(process.execPath, [program, '--remedies', '-o', 'json', ...paths], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  expect(stderr).toBe('');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

const isDenied = ({ decidable, verdict }: Recorded) => decidable && (verdict === 'deny' || verdict === 'route_not_found');
const isAllowed = ({ decidable, verdict }: Recorded) => decidable && verdict === 'allow';
const clientOf = ({ request }: Recorded) => request.split(' ')[0] ?? '';

/** The same client's same request to the same port, in whatever words the proxy read it. */
function isSame(a: Recorded, b: Recorded): boolean {
  const isAlike = a.http === null || b.http === null || (a.http.method === b.http.method && a.http.path === b.http.path);
  return clientOf(a) === clientOf(b) && a.target?.port === b.target?.port && isAlike;
}

function faultsOf({ entries, after, rows, verdict }: Situation, lines: readonly Line[]): readonly string[] {
  const judged = entries.filter((entry) => isDenied(entry) && after.some((later) => isSame(entry, later) && isAllowed(later)));
  const own = judged.flatMap((entry): readonly string[] => {
    const line = lines.find(({ client }) => client === clientOf(entry));
    if (line === undefined) return [`${entry.request}: no answer`];
    if (line.remedy === undefined)
      return (rows[line.client] ?? []).some((row) => WORDS[line.verdict ?? '']?.includes(row))
        ? []
        : [`${entry.request}: "${line.verdict}" for ${rows[line.client]}`];
    const terms = [entry, ...after.filter((later) => isSame(entry, later) && isAllowed(later))];
    const { changes } = line.remedy;
    const verdicts = terms.map(({ connection, http }) => verdict({ ...entry, connection, http }, changes));
    return verdicts.includes('allow') ? [] : [`${entry.request}: ${line.remedy.id} leaves it at ${verdicts[0]}`];
  });
  const all = lines.flatMap(({ remedy }) => remedy?.changes ?? []);
  const others = all.length === 0 ? [] : entries.filter(({ decidable }) => decidable);
  const together = others.flatMap((entry) => {
    const later = after.filter((one) => isSame(entry, one));
    const now = verdict(entry, all);
    if (isDenied(entry) && later.some(isDenied) && !later.some(isAllowed) && now === 'allow') return [`${entry.request}: is allowed`];
    return isAllowed(entry) && !later.some(isDenied) && now !== 'allow' ? [`${entry.request}: is no longer allowed`] : [];
  });
  return [...own, ...together];
}

describe(`what captures --remedies -o json prints${situationsSkip === null ? '' : ` [${situationsSkip}]`}`, () => {
  it(
    'is whole objects or deletions, without a word of what was expected, and another judge that applies them agrees',
    () => {
      const lines = printed([dirname(situationFolders[0] ?? '')]);
      expect(lines.length).toBeGreaterThan(situationsSkip === null ? 35 : 6);
      for (const line of lines) {
        const { verdict, remedy } = line;
        expect(Object.keys(line)).toEqual(['situation', 'client', remedy === undefined ? 'verdict' : 'remedy']);
        if (remedy === undefined) expect(Object.keys(WORDS)).toContain(verdict);
        else expect(Object.keys(remedy)).toEqual(['id', 'changes']);
        for (const change of remedy?.changes ?? []) {
          if ('delete' in change) expect(Object.keys(change.delete).sort()).toEqual(['apiVersion', 'kind', 'name', 'namespace']);
          else {
            expect(Object.keys(change).slice(0, 3)).toEqual(['apiVersion', 'kind', 'metadata']);
            expect(change.metadata.name).toMatch(/^[a-z0-9.-]+$/);
            expect(change.metadata.namespace).toMatch(/^[a-z0-9-]+$/);
          }
        }
      }
      const faults = situationFolders.flatMap((path) => {
        const own = lines.filter(({ situation }) => situation === basename(path));
        return faultsOf(situationAt(path), own).map((text) => `${basename(path)}: ${text}`);
      });
      expect(faults).toEqual([]);
    },
    LONG,
  );

  it(
    'is not taken for right where it is another answer',
    () => {
      const path = situationFolders.find((one) => basename(one) === 'wrong-service-account') ?? '';
      const lines = printed([path]);
      const altered = (alter: (line: Line) => Line) => faultsOf(situationAt(path), lines.map(alter));
      const { situation, client } = lines[0] as Line;
      const policy = { apiVersion: 'policy.linkerd.io/v1alpha1', kind: 'AuthorizationPolicy', namespace: 'shop', name: 'backend-frontend' };
      expect(altered((line) => line)).toEqual([]);
      expect(altered(() => ({ situation, client: 'shop/nobody', verdict: 'mesh it' })).length).toBeGreaterThan(0);
      expect(altered(() => ({ situation, client, verdict: 'mesh it' })).length).toBeGreaterThan(0);
      expect(altered(() => ({ situation, client, remedy: { id: 'nothing', changes: [] } })).length).toBeGreaterThan(0);
      expect(altered(() => ({ situation, client, remedy: { id: 'x', changes: [{ delete: policy }] } })).join('\n')).toMatch(
        /no longer allowed/,
      );
    },
    LONG,
  );
});
