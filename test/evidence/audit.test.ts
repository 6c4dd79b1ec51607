import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditReader, createAuditReader } from '../../src/evidence/audit.ts';
import type { ObjectRef } from '../../src/policy/resource.ts';

const MTLS: ObjectRef = { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', namespace: 'production', name: 'frontend-mtls' };
const AT = Date.parse('2026-11-23T09:23:07.330Z');
const STORY = readFileSync(new URL('../fixtures/audit/story.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');

function read(lines: readonly string[], most?: number): AuditReader {
  const reader = createAuditReader(most);
  for (const line of lines) reader.push(line);
  return reader;
}

interface Given {
  readonly verb?: string;
  readonly user?: unknown;
  readonly code?: number;
  readonly [field: string]: unknown;
}

function event({ verb = 'update', user = { username: 'alice' }, code = 200, ...more }: Given = {}): string {
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    stage: 'ResponseComplete',
    verb,
    user,
    requestURI: '/apis/x?fieldManager=kubectl-edit',
    objectRef: { apiGroup: MTLS.group, resource: 'meshtlsauthentications', namespace: MTLS.namespace, name: MTLS.name },
    responseStatus: { code },
    stageTimestamp: '2026-11-23T09:23:07.330Z',
    ...more,
  });
}

const find = (reader: AuditReader, resourceVersion: string | null = null, isDeletion = false, at = AT) =>
  reader.trail.find(MTLS, { resourceVersion, at, isDeletion });

describe('the audit log of the story', () => {
  it('names who made each version, by its resource version', () => {
    const reader = read(STORY);
    expect(find(reader, '12154')).toEqual({
      at: AT,
      verb: 'update',
      author: { user: 'admin', impersonatedBy: null, manager: 'kubectl-edit' },
      resourceVersion: '12154',
    });
    expect(find(reader, '11690')?.author.manager).toBe('kubectl-client-side-apply');
    expect(reader.stats()).toEqual({ lines: 7, writes: 5, malformed: 0, firstMalformed: 0, beyond: 0 });
  });

  it('knows nothing of a version that it does not hold', () => {
    expect(find(read(STORY), '99999')).toBeNull();
  });
});

describe('an event', () => {
  it.each<[string, string, string | null]>([
    ['of level Metadata is found by its time', event(), 'alice'],
    ['of another minute is not', event({ stageTimestamp: '2026-11-23T09:24:07Z' }), null],
    ['that was refused made nothing', event({ code: 409 }), null],
    ['of a dry run made nothing', event({ requestURI: '/apis/x?dryRun=All&fieldManager=kubectl-edit' }), null],
    ['that was only received made nothing yet', event({ stage: 'RequestReceived' }), null],
    ['of reading is no write', event({ verb: 'get' }), null],
    [
      'of a subresource that is no part of the object is no write',
      event({
        verb: 'create',
        objectRef: {
          apiGroup: MTLS.group,
          resource: 'meshtlsauthentications',
          namespace: MTLS.namespace,
          name: MTLS.name,
          subresource: 'exec',
        },
      }),
      null,
    ],
    [
      'of another object is not taken',
      event({ objectRef: { apiGroup: MTLS.group, resource: 'servers', namespace: MTLS.namespace, name: MTLS.name } }),
      null,
    ],
    [
      'without a name of its own has that of the object made',
      event({
        verb: 'create',
        objectRef: { apiGroup: MTLS.group, resource: 'meshtlsauthentications', namespace: MTLS.namespace },
        responseObject: { metadata: { name: MTLS.name } },
      }),
      'alice',
    ],
    ['may stand in a list', JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items: [JSON.parse(event())] }), 'alice'],
  ])('%s', (_, line, user) => {
    expect(find(read([line]))?.author.user ?? null).toBe(user);
  });

  it('tells who acted in whose name', () => {
    const { author } = find(read([event({ user: { username: 'root' }, impersonatedUser: { username: 'bob' } })])) ?? {};
    expect(author).toEqual({ user: 'bob', impersonatedBy: 'root', manager: 'kubectl-edit' });
  });

  it('of a deletion is taken for a deletion only', () => {
    const reader = read([event({ verb: 'delete', user: { username: 'carol' } }), event()]);
    expect([find(reader, null, true)?.author.user, find(reader)?.author.user]).toEqual(['carol', 'alice']);
  });

  it('that is nearest in time is taken', () => {
    const reader = read([event({ stageTimestamp: '2026-11-23T09:23:05Z' }), event({ user: { username: 'bob' } })]);
    expect(find(reader)?.author.user).toBe('bob');
  });
});

describe('a hostile log', () => {
  it('has its broken lines counted, the first by its number, and the others read', () => {
    const reader = read([
      '',
      event(),
      '{"kind": "Event"',
      'null',
      '[]',
      '{"kind":"Event","apiVersion":"v1"}',
      event({ verb: 7 as unknown as string }),
    ]);
    expect(reader.stats()).toEqual({ lines: 7, writes: 1, malformed: 4, firstMalformed: 3, beyond: 0 });
  });

  it('keeps no more writes than there is room for', () => {
    const reader = read(
      Array.from({ length: 10 }, () => event()),
      3,
    );
    expect(reader.stats()).toMatchObject({ writes: 3, beyond: 7 });
  });

  it('never breaks the reader', () => {
    const value = fc.jsonValue();
    const fields = fc.record({
      verb: value,
      user: value,
      objectRef: value,
      responseObject: value,
      responseStatus: value,
      requestURI: value,
      stageTimestamp: value,
      impersonatedUser: value,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          value.map((v) => JSON.stringify(v)),
          fields.map((f) => event(f as Given)),
        ),
        (line) => {
          const { stats, trail } = read([line, event()]);
          expect(stats().lines).toBe(2);
          expect(trail.find(MTLS, { resourceVersion: null, at: AT, isDeletion: false })).not.toBeNull();
        },
      ),
    );
  });
});
