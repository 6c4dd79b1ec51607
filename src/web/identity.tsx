import type { ReactNode } from 'react';
import type { ExplainedClient, Target } from './explanation.ts';
import { short } from './inert.ts';
import { Card } from './parts.tsx';
import { refName } from './words.ts';

const MOST = 5;

/** What the deciding object takes and what came, one below the other, with the part marked in which they differ. */
export function IdentityCard({ client: { client }, target }: { readonly client: ExplainedClient; readonly target: Target }): ReactNode {
  const { required, observed, object, note } = target.decision;
  if (required.length === 0 && observed === '') return null;
  const nearest = nearestOf(required, observed);
  const shown = [nearest, ...required.filter((one) => one !== nearest)].filter((one) => one !== '').slice(0, MOST);
  const { workload, ips } = client;
  return (
    <Card title="Required and observed">
      <dl className="identity">
        <div>
          <dt>Required</dt>
          <dd>
            {shown.map((one) => (
              <Marked key={one} text={one} other={one === nearest ? observed : ''} />
            ))}
            {required.length > shown.length && <span className="note">and {required.length - shown.length} more</span>}
            {object !== null && <span className="note">by {short(refName(object), 200)}</span>}
          </dd>
        </div>
        <div>
          <dt>Observed</dt>
          <dd>
            <Marked text={observed === '' ? 'nothing' : observed} other={nearest} />
            <span className="note">
              {workload === null ? '' : `${short(refName(workload), 200)}, `}
              {ips.length === 0
                ? 'address unknown'
                : `from ${ips.slice(0, 4).join(', ')}${ips.length > 4 ? ` and ${ips.length - 4} more` : ''}`}
            </span>
          </dd>
        </div>
      </dl>
      {note !== '' && <p>{short(note, 500)}</p>}
    </Card>
  );
}

function Marked({ text, other }: { readonly text: string; readonly other: string }): ReactNode {
  const [head, middle, tail] = differing(text, other);
  return (
    <code>
      {short(head, 300)}
      {middle !== '' && <mark>{short(middle, 300)}</mark>}
      {/* Where nothing stands that stands in the other. */}
      {middle === '' && other !== '' && text !== other && <mark className="gap"> </mark>}
      <span className="tail">{short(tail, 300)}</span>
    </code>
  );
}

/** Labels between dots: the common ones before, those that differ, the common ones after. */
function differing(text: string, other: string): readonly [head: string, middle: string, tail: string] {
  if (other === '' || !text.includes('.') || !other.includes('.')) return [text, '', ''];
  const [own, theirs] = [text.split('.'), other.split('.')];
  let before = 0;
  while (before < own.length && before < theirs.length && own[before] === theirs[before]) before++;
  let after = 0;
  while (after < own.length - before && after < theirs.length - before && own.at(-1 - after) === theirs.at(-1 - after)) after++;
  const dot = (parts: readonly string[]) => (parts.length === 0 ? '' : `${parts.join('.')}`);
  const [head, middle, tail] = [own.slice(0, before), own.slice(before, own.length - after), own.slice(own.length - after)].map(dot) as [
    string,
    string,
    string,
  ];
  return [head === '' || before === own.length ? head : `${head}.`, middle, tail === '' || after === own.length ? tail : `.${tail}`];
}

/** The one with the most labels in common. */
function nearestOf(required: readonly string[], observed: string): string {
  const labels = new Set(observed.split('.'));
  const likeness = (text: string) => text.split('.').filter((label) => labels.has(label)).length;
  return required.toSorted((a, b) => likeness(b) - likeness(a))[0] ?? '';
}
