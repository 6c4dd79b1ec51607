/** Situations that nobody captured, made of those that somebody did: the answers stay right, and where only names differ they stay the same. */
import { describe, expect, it } from 'vitest';
import { situationFolders, situationsSkip } from '../remedies/offers.ts';
import { folderAt } from './folders.ts';
import { judgeRemedies, remedyData } from './judge-remedies.ts';
import type { Folder } from './report.ts';
import {
  crowded,
  gatewayRoutes,
  isOfOnePolicy,
  itemsOf,
  namedElsewhere,
  olderServers,
  otherTrustDomain,
  renamed,
  reversed,
  serverAuthorizations,
  together,
  withReplicas,
} from './transform.ts';

const FOLDERS = situationFolders.map(folderAt).filter((folder) => judgeRemedies(folder).judgements.length > 0);
const LONG = 120_000;

function disagreements(folder: Folder): readonly string[] {
  return judgeRemedies(folder).judgements.flatMap(({ about, difference }) =>
    difference === '' ? [] : [`${folder.name}: ${about}: ${difference}`],
  );
}

function judgedIn(folder: Folder): number {
  return judgeRemedies(folder).judgements.length;
}

const FILES = ['cluster.json', 'policy.yaml', 'replay.json'];

function isOther(folder: Folder, made: Folder): boolean {
  return FILES.some((file) => JSON.stringify(itemsOf(folder.read(file) ?? '')) !== JSON.stringify(itemsOf(made.read(file) ?? '')));
}

const NAMES = new Map([
  ['shop', 'aaa-store'],
  ['legacy', 'zzz-old'],
  ['staging', 'pre'],
  ['frontend', 'webfront'],
  ['backend', 'api-server'],
  ['admin', 'root'],
  ['scanner', 'probe-all'],
  ['batch', 'nightly'],
]);

type Made = Folder & { readonly inText?: (text: string) => string };

/** `same`: the answer is that of the captured situation, but for the names. */
const OTHERS: readonly { readonly name: string; readonly make: (folder: Folder) => Made; readonly same: boolean }[] = [
  { name: 'other names of namespaces, workloads and ServiceAccounts', make: (folder) => renamed(folder, NAMES), same: true },
  { name: 'another trust domain', make: (folder) => otherTrustDomain(folder, 'mesh.example.org'), same: true },
  { name: 'the objects from the last to the first', make: reversed, same: true },
  { name: 'two hundred objects more that have nothing to do with it', make: (folder) => crowded(folder, 200), same: true },
  { name: 'the clients named by a policy of other pods', make: namedElsewhere, same: false },
  { name: 'Servers of v1beta1', make: olderServers, same: false },
  { name: 'routes of the Gateway API', make: gatewayRoutes, same: false },
  { name: 'ServerAuthorizations for AuthorizationPolicies', make: serverAuthorizations, same: false },
  { name: 'three pods of each client at once', make: withReplicas, same: false },
  {
    name: 'all of these at once',
    make: (folder) => crowded(reversed(withReplicas(serverAuthorizations(olderServers(folder)))), 200),
    same: false,
  },
];

describe(`a situation with${situationsSkip === null ? '' : ` [${situationsSkip}]`}`, () => {
  it.each(OTHERS)(
    '$name is answered right',
    ({ name, make, same }) => {
      const folders = name === 'all of these at once' ? FOLDERS.filter((_, i) => i % 4 === 0) : FOLDERS;
      const found = folders.flatMap((folder) => {
        const other = make(folder);
        const differences = disagreements(other);
        const [was, is] = [folder, other].map((one) =>
          remedyData(judgeRemedies(one))
            .join('\n')
            .replace(/"situation":"[^"]*",/g, ''),
        ) as [string, string];
        const wanted = other.inText?.(was) ?? was;
        return [...differences, ...(same && is !== wanted ? [`${folder.name}: ${is} INSTEAD OF ${wanted}`] : [])];
      });
      expect(found).toEqual([]);
      expect(folders.filter((folder) => isOther(folder, make(folder))).length, 'it is another situation').toBeGreaterThan(0);
    },
    LONG,
  );

  it(
    'another beside it in the same cluster is answered right, both at once',
    () => {
      const alone = FOLDERS.filter(isOfOnePolicy);
      const pairs = alone.map((folder, i) => together(folder, alone[(i + 7) % alone.length] as Folder));
      expect(pairs.flatMap(disagreements)).toEqual([]);
      const [apart, joined] = [alone, pairs].map((list) => list.reduce((sum, folder) => sum + judgedIn(folder), 0)) as [number, number];
      expect(joined).toBeGreaterThanOrEqual(2 * apart);
    },
    LONG,
  );
});
