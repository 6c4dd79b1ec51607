/** `simulate` held against recordings: what it says of each request is what a running Linkerd did before and after the repair. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { withApplied } from '../../src/access/applied.ts';
import { getsIn } from '../../src/access/compare.ts';
import { createReplayer } from '../../src/access/replay.ts';
import { OPTION_WORDS } from '../../src/commands/question-words.ts';
import { plannedChange } from '../../src/commands/simulate-change.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { mergeManifests } from '../../src/manifests/record.ts';
import { fromHelmNames } from '../../src/policy/cluster-settings.ts';
import type { Verdict } from '../../src/policy/evaluation.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { buildSnapshot, findWorkload } from '../../src/policy/snapshot.ts';
import { type Entry, filesNamed, type Replay } from '../captures/replay.ts';
import { connectionOf, trafficOf } from '../oracle/answers.ts';

const FIXTURES = 'test/fixtures/captures/situations';
const SHARED = '../shared/captures/situations';
const SITUATIONS = existsSync(SHARED) ? SHARED : FIXTURES;

function read(situation: string, name: string): string | null {
  const path = join(SITUATIONS, situation, name);
  if (existsSync(path)) return readFileSync(path, 'utf8');
  return existsSync(`${path}.gz`) ? gunzipSync(readFileSync(`${path}.gz`)).toString() : null;
}

function objectsIn(situation: string, file: string): readonly Resource[] {
  return readManifests(read(situation, file) ?? '', file, { mayBeOther: true }).resources;
}

/** A request that was recorded before and after, of the same client to the same pod. */
function pairsOf({ before, after = [] }: Replay): readonly (readonly [Entry, Entry])[] {
  const keyOf = ({ target, connection, http }: Entry) => JSON.stringify([target, connection, http]);
  const later = new Map(after.filter(isPlain).map((entry) => [keyOf(entry), entry]));
  return before.filter(isPlain).flatMap((entry) => {
    const then = later.get(keyOf(entry));
    return then === undefined ? [] : [[entry, then] as const];
  });
}

/** Decided by the objects of the folder alone. */
function isPlain({ target, connection, decidable, objects, podAnnotations }: Entry): boolean {
  return target?.kind === 'Pod' && connection !== null && decidable && objects === undefined && podAnnotations === undefined;
}

function judgedIn(situation: string): readonly string[] | null {
  const text = read(situation, 'replay.json');
  const replay = text === null ? null : (JSON.parse(text) as Replay);
  const [after] = filesNamed(replay?.afterObjects).filter((file) => file !== 'cluster.json');
  if (replay === null || after === undefined) return null;
  const before = buildSnapshot(
    filesNamed(replay.beforeObjects).flatMap((file) => objectsIn(situation, file)),
    fromHelmNames(replay.settings),
  );
  const { changes, isHistory } = mergeManifests([readManifests(read(situation, after) ?? '', after, { mayBeOther: true })]);
  const { changes: planned } = plannedChange(
    before,
    { changes, isHistory, files: new Map(), notices: [] },
    { deleted: [], prune: true, namespace: null },
    OPTION_WORDS,
  );
  const replayer = createReplayer(before, withApplied(before, planned), false);
  return pairsOf(replay).map(([was, now]) => {
    const { target, connection, http } = was;
    if (target === null || connection === null) throw new Error('no target');
    const server = findWorkload(before, 'Pod', target.namespace, target.name);
    if (server === null) return `${was.request}: no such pod`;
    const { clientIp, tls } = connectionOf(connection);
    const { outcome } = replayer.of({ server, port: target.port, tls, ip: clientIp, pod: null, traffic: trafficOf(http), seen: null });
    const expected = outcomeOf(was.verdict, now.verdict);
    return outcome === expected ? 'agrees' : `${was.request}: recorded ${was.verdict} then ${now.verdict}, ${outcome}`;
  });
}

function outcomeOf(was: string | undefined, now: string | undefined): string {
  const isIn = (verdict: string | undefined) => verdict === 'unknown_workload' || getsIn(verdict as Verdict);
  return isIn(was) === isIn(now) ? 'unchanged' : isIn(now) ? 'newly-allowed' : 'newly-denied';
}

it('every request that was recorded before and after a repair', () => {
  const judged = readdirSync(SITUATIONS).flatMap((situation) =>
    (judgedIn(situation) ?? []).map((one) => (one === 'agrees' ? one : `${situation}: ${one}`)),
  );
  expect(judged.filter((one) => one !== 'agrees')).toEqual([]);
  expect(judged.length).toBeGreaterThan(SITUATIONS === SHARED ? 50 : 3);
});
