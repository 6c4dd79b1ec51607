/** What posture proposes to tighten, each proved and numbered, and how one is shown. */
import type { Snapshot } from '../policy/snapshot.ts';
import { spanOf } from '../posture/observed-span.ts';
import type { PostureFacts } from '../posture/practice.ts';
import { seenIn } from '../posture/seen.ts';
import type { Files } from '../remedies/change.ts';
import { endAudit, narrowWildcard } from '../remedies/narrow-wildcard.ts';
import type { Remedy } from '../remedies/remedy.ts';
import { type Watched, withdrawGrant } from '../remedies/withdraw-grant.ts';
import type { Style } from './explain-lines.ts';
import { showWayOut, wayOutData } from './explain-remedies.ts';
import { safe } from './terminal.ts';

/** What posture has of them is their numbers. */
export interface Tightenings extends Pick<PostureFacts, 'withdrawal' | 'narrowing' | 'enforcing'> {
  /** Number N is the Nth of them. */
  readonly remedies: readonly Remedy[];
}

/** Of more nobody reads, and each is compared against the whole cluster. */
const MOST = 20;

/** `files` null: none is proposed. */
export function createTightenings(snapshot: Snapshot, observed: PostureFacts['observed'], files: Files | null): Tightenings {
  const remedies: Remedy[] = [];
  const known = new Map<string, number | null>();
  const numbers = new Map<string, number>();
  const watched = watchedOf(snapshot, observed);

  function numberOf(remedy: Remedy | null): number | null {
    if (remedy === null) return null;
    const text = JSON.stringify(remedy.changes.map(({ object, manifest }) => [object, manifest]));
    const number = numbers.get(text) ?? remedies.push(remedy);
    numbers.set(text, number);
    return number;
  }

  /** Who asks for the same again gets the same number. */
  function once(key: readonly unknown[], propose: (files: Files) => Remedy | null): number | null {
    const text = JSON.stringify(key);
    const found = known.get(text);
    if (found !== undefined) return found;
    const number = files === null || remedies.length >= MOST ? null : numberOf(propose(files));
    known.set(text, number);
    return number;
  }

  return {
    remedies,
    withdrawal: (authorization, identity) =>
      once(['withdraw', authorization.object, authorization.via, identity], (own) =>
        withdrawGrant({ authorization, identity }, watched, own),
      ),
    narrowing: (object, authorization) => once(['narrow', object], (own) => narrowWildcard({ object, authorization }, watched, own)),
    enforcing: (server) => once(['enforce', server], (own) => endAudit(server, watched, own)),
  };
}

function watchedOf(snapshot: Snapshot, { traffic, first, last }: PostureFacts['observed']): Watched {
  const { text, lacking } = spanOf({ first, last });
  return { snapshot, span: text, lacking, seenAt: seenIn(traffic) };
}

/** One of them for a person: what it does, whom it shuts out, and how to get it alone. */
export function showTightening(remedy: Remedy, namespace: string, number: number, style: Style): readonly string[] {
  const [, ...lines] = showWayOut({ wayOut: { verdict: 'decide', reasons: [], remedies: [remedy] }, findings: [] }, style);
  const hasYaml = remedy.changes.some(({ manifest }) => manifest !== null);
  return [...lines, ...(hasYaml ? [`  denywhy posture -n ${safe(namespace)} … --remedy ${number} -o yaml > fix.yaml`] : [])];
}

/** As `explain` has remedies. */
export function tighteningsData(remedies: readonly Remedy[]) {
  return (
    wayOutData(
      { verdict: 'decide', reasons: [], remedies },
      (remedy) => remedies.findIndex(({ changes }) => changes === remedy.changes) + 1,
    )?.remedies ?? []
  );
}
