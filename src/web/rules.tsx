import './rules.css';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { address } from './api.ts';
import type { Shapes } from './api-types.ts';
import { inert, inertLines, short } from './inert.ts';
import { type Shape, Tag, type Tone } from './marks.tsx';
import { Card, Command, Link, Trouble } from './parts.tsx';
import { rulesQuery } from './queries.ts';
import { setQuery } from './route.ts';
import { ago, span, useNow } from './time.ts';
import { count } from './words.ts';

type RuleList = Shapes['RuleList'];
type Rule = Shapes['Rule'];

const STATES: Readonly<Record<Rule['state'], readonly [Tone, Shape, string]>> = {
  ok: ['ok', 'check', 'Loaded, healthy'],
  other: ['wait', 'warn', 'Loaded, not as the pack has it'],
  missing: ['bad', 'cross', 'Not loaded'],
  failing: ['bad', 'cross', 'Fails'],
  'not evaluated': ['wait', 'ask', 'Not evaluated yet'],
  unknown: ['plain', 'ask', 'Not known'],
};

const isWrong = ({ state }: Rule) => state !== 'ok' && state !== 'unknown';
const isActive = ({ firing, pending }: Rule) => firing + pending > 0;

const FILTERS: readonly (readonly [id: string, label: string, passes: (rule: Rule) => boolean])[] = [
  ['', 'All', () => true],
  ['active', 'Firing or pending', isActive],
  ['wrong', 'Not as they should be', isWrong],
  ['alerts', 'Alerts', ({ kind }) => kind === 'alert'],
  ['records', 'Recorded series', ({ kind }) => kind === 'record'],
];

export function RulesPage({ query }: { readonly query: URLSearchParams }): ReactNode {
  const { data, error } = useQuery(rulesQuery);
  const now = useNow();
  return (
    <main>
      <div className="title">
        <h1>{data === undefined ? 'Rules' : headline(data)}</h1>
        <p className="note">{data?.prometheus == null ? '' : inert(data.prometheus)}</p>
      </div>
      {error !== null && <Trouble error={error} />}
      {data === undefined && error === null && <p aria-busy="true">Asking Prometheus for its rules…</p>}
      {data !== undefined && (
        <>
          <Loading list={data} />
          <Rules items={data.items} show={query.get('show') ?? ''} open={query.get('rule') ?? ''} now={now} />
        </>
      )}
    </main>
  );
}

function headline({ items, fault }: RuleList): string {
  if (fault !== null) return `Whether the ${count(items.length, 'rule')} are loaded is not known`;
  const missing = items.filter(({ state }) => state === 'missing').length;
  if (missing === items.length) return 'Prometheus has none of the rules: nobody is alerted of a denial';
  const wrong = items.filter(isWrong).length;
  const firing = items.filter((rule) => rule.firing > 0).length;
  const good =
    wrong === 0
      ? `All ${items.length} rules are loaded, healthy and evaluated`
      : `${wrong} of ${items.length} rules ${wrong === 1 ? 'is' : 'are'} not as they should be`;
  return firing === 0 ? good : `${good}; ${count(firing, 'alert')} ${firing === 1 ? 'fires' : 'fire'}`;
}

/** What stands between the rules and an alert, each with what to do. */
function Loading({ list: { fault, remarks, manifests, items } }: { readonly list: RuleList }): ReactNode {
  const isLost = items.some(({ state }) => state === 'missing');
  return (
    <>
      {fault !== null && (
        <Card title="Not known" tone="wait">
          <p>
            <strong>{inert(fault.message)}</strong> {inert(fault.remedy)}
          </p>
          <p>The rules are loaded with:</p>
          <Command text="denywhy rules | kubectl apply -f -" />
        </Card>
      )}
      {isLost && (
        <Card title="To load what is missing" tone="wait">
          <Command text="denywhy rules | kubectl apply -f -" />
          <p>A rule that stays missing was not selected by the Prometheus. This says why:</p>
          <Command text="kubectl get prometheus,namespace -A -o yaml | denywhy rules --cluster - > rule.yaml" />
        </Card>
      )}
      {manifests !== null && manifests.length > 0 && <Manifests items={manifests} />}
      {remarks.length > 0 && (
        <Card title="Remarks" tone="wait">
          {remarks.map((remark) => (
            <p key={remark}>{short(remark, 600)}</p>
          ))}
        </Card>
      )}
    </>
  );
}

function Manifests({ items }: { readonly items: NonNullable<RuleList['manifests']> }): ReactNode {
  return (
    <Card title="Selected" note="PrometheusRules of the cluster that hold these rules, and who takes them">
      <ul className="rows">
        {items.map(({ name, by }) => {
          const takers = by.filter(({ isTaken }) => isTaken === true).map(({ prometheus }) => inert(prometheus));
          const isLost = by.length > 0 && by.every(({ isTaken }) => isTaken === false);
          const [tone, shape, text] = (
            takers.length > 0 ? ['ok', 'check', 'Selected'] : isLost ? ['bad', 'cross', 'Not selected'] : ['plain', 'ask', 'Not known']
          ) as readonly [Tone, Shape, string];
          return (
            <li key={name}>
              <div>
                <b>{inert(name)}</b>
              </div>
              <div>
                <Tag tone={tone} shape={shape} text={text} />
              </div>
              <div className="wide">
                {takers.length > 0 && <span>by Prometheus {takers.join(', ')}</span>}
                {by.length === 0 && <span>No Prometheus object is known that could take it.</span>}
                {takers.length === 0 &&
                  by.flatMap(({ prometheus, reasons }) =>
                    reasons.map((reason) => (
                      <span key={`${prometheus} ${reason}`}>{`Prometheus ${inert(prometheus)}: ${inert(reason)}`}</span>
                    )),
                  )}
              </div>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

interface RulesProps {
  readonly items: readonly Rule[];
  readonly show: string;
  readonly open: string;
  readonly now: number;
}

function Rules({ items, show, open, now }: RulesProps): ReactNode {
  const passes = FILTERS.find(([id]) => id === show)?.[2] ?? (() => true);
  // In order of evaluation series come before the alerts that read them; a person looks for alerts.
  const sorted = items.filter(passes).toSorted((a, b) => Number(a.kind === 'record') - Number(b.kind === 'record'));
  const groups = [...Map.groupBy(sorted, ({ group }) => group)];
  return (
    <>
      <div className="filters">
        <fieldset className="segments">
          <legend>Rules</legend>
          {FILTERS.map(([id, label, isOf]) => (
            <button type="button" key={id} aria-pressed={show === id} onClick={() => setQuery({ show: id })}>
              {label} <b>{items.filter(isOf).length}</b>
            </button>
          ))}
        </fieldset>
      </div>
      {groups.length === 0 && <p>No rule is in this state.</p>}
      {groups.map(([group, rules]) => (
        <Card key={group} title={group} note={count(rules.length, 'rule')}>
          <ul className="rows rules">
            {rules.map((rule) => (
              <RuleRow key={rule.name} rule={rule} isOpen={rule.name === open} now={now} />
            ))}
          </ul>
        </Card>
      ))}
    </>
  );
}

function RuleRow({ rule, isOpen, now }: { readonly rule: Rule; readonly isOpen: boolean; readonly now: number }): ReactNode {
  const { name, summary, usedBy, severities, wait, state, detail, lastEvaluation, firing, pending } = rule;
  const [tone, shape, text] = STATES[state];
  return (
    <li id={name}>
      <div className="wide">
        <b className={rule.kind === 'record' ? 'mono' : ''}>{name}</b>
        <span className="note">{summary === '' ? `recorded for ${usedBy.join(', ')}` : summary}</span>
      </div>
      <div>
        <Tag tone={tone} shape={shape} text={text} />
        {lastEvaluation !== null && <span className="note">evaluated {ago(lastEvaluation, now)}</span>}
      </div>
      <div>
        {severities.length > 0 && (
          <span className="note">
            {severities.join(', ')}
            {wait === '' ? ', at once' : `, after ${wait}`}
          </span>
        )}
        {firing > 0 && <Tag tone="bad" shape="warn" text={`${firing} firing`} />}
        {pending > 0 && <Tag tone="wait" shape="open" text={`${pending} pending`} />}
        {rule.runbook !== null && (
          <a href={address(`../../${rule.runbook.slice(1)}`)} aria-label={`Runbook of ${name}`}>
            Runbook
          </a>
        )}
      </div>
      {detail !== '' && <p className="mono">{short(detail, 500)}</p>}
      <details open={isOpen}>
        <summary>{`Expression, ${count(rule.tests.length, 'test')}${firing + pending > 0 ? ', what it sees' : ''}`}</summary>
        <RuleDetails rule={rule} now={now} />
      </details>
    </li>
  );
}

function RuleDetails({
  rule: { expressions, tests, usedBy, alerts, firing, pending },
  now,
}: {
  readonly rule: Rule;
  readonly now: number;
}): ReactNode {
  return (
    <>
      {alerts.length > 0 && (
        <>
          <h3>What it sees now</h3>
          <ul className="rows">
            {alerts.map(({ state, labels, activeAt, value }) => (
              <li key={JSON.stringify(labels)}>
                <div>
                  <Tag
                    tone={state === 'firing' ? 'bad' : 'wait'}
                    shape={state === 'firing' ? 'warn' : 'open'}
                    text={state === 'firing' ? 'Firing' : 'Pending'}
                  />
                  {activeAt !== null && <span className="note">for {span(now - Date.parse(activeAt))}</span>}
                </div>
                <div className="wide">
                  <code>{labelsOf(labels)}</code>
                  <span className="note">value {numberOf(value)}</span>
                </div>
                <div>
                  {labels['namespace'] !== undefined && (
                    <Link to={`?namespace=${encodeURIComponent(labels['namespace'])}`}>Its incidents</Link>
                  )}
                </div>
              </li>
            ))}
          </ul>
          {firing + pending > alerts.length && <p className="note">and {count(firing + pending - alerts.length, 'other')}</p>}
        </>
      )}
      <h3>{expressions.length === 1 ? 'Expression' : 'Expressions'}</h3>
      {expressions.map((expression) => (
        <Command key={expression} text={expression} />
      ))}
      <h3>Tests</h3>
      {tests.length === 0 ? (
        <p>It is tested by what reads it: {usedBy.join(', ')}.</p>
      ) : (
        <ul className="tests">
          {tests.map((test) => (
            <li key={test}>{inertLines(test)}</li>
          ))}
        </ul>
      )}
      <Command text="denywhy rules --write rules && promtool test rules rules/tests/*.yaml" />
    </>
  );
}

/** Prometheus writes 12 as `1.2e+01`. */
function numberOf(value: string): string {
  const number = Number(value);
  return Number.isFinite(number) ? String(Number(number.toPrecision(6))) : short(value, 30);
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${inert(name)}="${short(value, 120)}"`)
    .join(' ');
}
