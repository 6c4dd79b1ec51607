/** Every remedy that is offered anywhere: of the cases that people have read, and of captured situations. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { explain, type TargetExplanation } from '../../src/explain.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import type { Remedy, WayOut } from '../../src/remedies/remedy.ts';
import { folderAt } from '../captures/folders.ts';
import { judgedIndexes } from '../captures/judge-remedies.ts';
import { pleadedOf, situationOf, troubleOf } from '../captures/remedies.ts';
import { caseFolders, caseOf } from '../case-folder.ts';

export interface Offer {
  /** The case folder or the situation. */
  readonly of: string;
  readonly wayOut: WayOut;
  readonly remedy: Remedy;
  /** The cluster that it was proved on. */
  readonly snapshot: Snapshot;
  /** null: nobody was denied, it mends trouble or tightens. */
  readonly target: TargetExplanation | null;
  /** Of those who were denied; null: it is none of a pod. */
  readonly clientPod: { readonly namespace: string; readonly name: string } | null;
}

const ROOT = join(import.meta.dirname, '../..');
const ALL = join(ROOT, '../shared/captures/situations');
const SAMPLE = join(ROOT, 'test/fixtures/captures/situations');

/** Why only the sample of situations is at hand; null: all are. */
export const situationsSkip: string | null = existsSync(ALL) ? null : 'only the sample of situations: ../shared/captures is absent';

export const situationFolders: readonly string[] = (() => {
  const root = situationsSkip === null ? ALL : SAMPLE;
  return readdirSync(root)
    .sort()
    .map((name) => join(root, name));
})();

export async function offersOfCases(): Promise<readonly Offer[]> {
  const found: Offer[] = [];
  for (const folder of caseFolders(join(ROOT, 'test/cases'))) {
    const { case: asked, files } = await caseOf(folder);
    const snapshot = asked.cluster?.at(asked.question.at);
    if (snapshot === undefined) continue;
    const { clients, troubles, repairs, tightenings } = explain({ ...asked, remedies: { files, forceGrant: true } });
    const of = `${folder.id}/${folder.name}`;
    for (const { client, targets } of clients)
      for (const target of targets) found.push(...offersIn({ of, snapshot, target, clientPod: client.pod?.ref ?? null }, target.wayOut));
    for (const { wayOut } of [...troubles, ...repairs, ...tightenings])
      found.push(...offersIn({ of, snapshot, target: null, clientPod: null }, wayOut));
  }
  return found;
}

/** Of each request that its recording says was denied, and of whatever trouble its clients had. */
export function offersOfSituations(): readonly Offer[] {
  return situationFolders.flatMap((path) => {
    const folder = folderAt(path);
    const situation = situationOf(folder);
    const pleaded = pleadedOf(folder, situation, judgedIndexes(situation));
    const ofDenied = pleaded.flatMap(({ wayOut, snapshot, target, clientPod }) =>
      offersIn({ of: folder.name, snapshot, target, clientPod }, wayOut),
    );
    const ofTrouble = situation.requests.flatMap(({ snapshot }, i) =>
      offersIn({ of: folder.name, snapshot, target: null, clientPod: null }, troubleOf(folder, situation, i)?.wayOut ?? null),
    );
    return [...ofDenied, ...ofTrouble];
  });
}

function offersIn(about: Omit<Offer, 'wayOut' | 'remedy'>, wayOut: WayOut | null): readonly Offer[] {
  return wayOut === null ? [] : wayOut.remedies.map((remedy) => ({ ...about, wayOut, remedy }));
}

/** Of those that change the same objects into the same the first. */
export function distinctOffers(offers: readonly Offer[]): readonly Offer[] {
  const byChange = new Map<string, Offer>();
  for (const offer of offers) {
    if (offer.remedy.changes.length === 0) continue;
    const key = JSON.stringify([offer.of, offer.remedy.changes.map(({ object, before, manifest }) => [object, before, manifest])]);
    if (!byChange.has(key)) byChange.set(key, offer);
  }
  return [...byChange.values()];
}
