/** Questions of a test file, asked; for each answer that is not the expected one the object that makes it so. */

import { getsIn } from '../access/compare.ts';
import type { Place } from '../errors.ts';
import { InvalidInput } from '../errors.ts';
import { type AccessTest, readAccessTests } from '../manifests/access-tests.ts';
import type { Verdict } from '../policy/evaluation.ts';
import type { ClusterView } from '../policy/history.ts';
import { type ObjectRef, refOf, showRef } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { showInstant } from '../policy/time.ts';
import { askCan, type CanAsked, type CanSpec } from './can-question.ts';
import { type CanReason, canReasons } from './can-reasons.ts';
import { TEST_WORDS } from './question-words.ts';

export type CanWord = AccessTest['expect'];

export interface TestResult {
  readonly file: string;
  readonly place: Place;
  readonly name: string;
  readonly expected: CanWord;
  /** null: the question cannot be asked of this cluster. */
  readonly answer: CanWord | null;
  readonly passed: boolean;
  /** Of a failure: the object that decides, and where it is written. */
  readonly object: ObjectRef | null;
  readonly objectPlace: string | null;
  readonly why: string;
  /** Where the cluster is a history: the change since which it is so. */
  readonly since: { readonly at: string; readonly objects: readonly string[] } | null;
}

export interface TestSubject {
  readonly snapshot: Snapshot;
  readonly namespace: string | null;
  readonly view: ClusterView;
}

export function runTests(source: string, file: string, subject: TestSubject): readonly TestResult[] {
  return readAccessTests(source, file).map((test) => runTest(test, file, subject));
}

function runTest(test: AccessTest, file: string, subject: TestSubject): TestResult {
  const base = { file, place: test.place, name: nameOf(test), expected: test.expect };
  const nothing = { object: null, objectPlace: null, since: null };
  try {
    const asked = askCan(subject.snapshot, specOf(test, subject.namespace), TEST_WORDS);
    const answer = answerIn(asked, test.only);
    if (answer === test.expect) return { ...base, ...nothing, answer, passed: true, why: '' };
    const reason = deviating(subject.snapshot, asked, test);
    return { ...base, answer, passed: false, ...becauseOf(reason, test.only), since: sinceWhen(test, subject) };
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return { ...base, ...nothing, answer: null, passed: false, why: `${error.message} ${error.remedy}`.replaceAll('\n', ' ') };
  }
}

/** The question, where it has no name. */
function nameOf({ name, can, reach, method, path, grpc, asIp, unmeshed }: AccessTest): string {
  if (name !== undefined) return name;
  const request = grpc === undefined ? [method ?? (path === undefined ? '' : 'GET'), path ?? ''] : [`gRPC ${grpc}`];
  const how = [unmeshed === true ? 'without its proxy' : '', asIp === undefined ? '' : `from ${asIp}`];
  return [can, ...how, 'reach', reach, ...request].filter((part) => part !== '').join(' ');
}

function specOf(test: AccessTest, namespace: string | null): CanSpec {
  const { can: client, reach: server, method = null, path = null, authority = null, grpc = null, asIp: ip = null, unmeshed = false } = test;
  return { client, server, namespace: test.namespace ?? namespace, method, path, authority, grpc, ip, unmeshed };
}

/** Of Linkerd alone, where only that is asked for. */
function answerIn({ answer: { answer, cases } }: CanAsked, only: AccessTest['only']): CanWord {
  if (only === undefined) return answer;
  const [first, ...others] = new Set(cases.map(({ evaluation }) => wordOf(evaluation?.verdict ?? 'allow')));
  return first === undefined ? 'undecided' : others.length > 0 ? 'partly' : first;
}

function wordOf(verdict: Verdict): 'yes' | 'no' | 'undecided' {
  return verdict === 'undecided' ? 'undecided' : getsIn(verdict) ? 'yes' : 'no';
}

function deviating(snapshot: Snapshot, asked: CanAsked, { expect: expected, only }: AccessTest): CanReason | null {
  const reasons = canReasons(snapshot, asked.port, asked.answer.cases, asked.words.ip);
  const wordIn = ({ answer, linkerd: { verdict } }: CanReason) =>
    only === undefined ? answer : wordOf(verdict === 'not-meshed' ? 'allow' : verdict);
  return reasons.find((reason) => wordIn(reason) !== expected) ?? reasons[0] ?? null;
}

/** NetworkPolicy where Linkerd lets it in, else the object of Linkerd's. */
function becauseOf(reason: CanReason | null, only: AccessTest['only']): Pick<TestResult, 'object' | 'objectPlace' | 'why'> {
  if (reason === null) return { object: null, objectPlace: null, why: '' };
  const { linkerd, network, requests } = reason;
  const isNetwork =
    only === undefined &&
    reason.answer === 'no' &&
    network?.verdict === 'deny' &&
    (linkerd.verdict === 'allow' || linkerd.verdict === 'not-meshed');
  const on = requests.length === 1 ? '' : `${requests.slice(0, 3).join(', ')}: `;
  if (isNetwork)
    return {
      object: network.policies[0] ?? null,
      objectPlace: null,
      why: `${on}NetworkPolicy${network.enforced === null ? ', where it is enforced' : ''}: ${network.sentence}`,
    };
  return { object: linkerd.object, objectPlace: linkerd.place, why: `${on}${linkerd.sentence}` };
}

/** Of the changes that a history holds so many are looked at, from the last backwards. */
const MOST_STEPS = 500;

/** The last change before which the answer was the expected one. */
function sinceWhen(test: AccessTest, { view, namespace, snapshot }: TestSubject): TestResult['since'] {
  const { moments, steps = [] } = view;
  const last = moments.findLastIndex((at) => view.at(at) === snapshot);
  const from = last < 0 ? moments.length - 1 : last;
  for (let i = from; i > Math.max(0, from - MOST_STEPS); i--) {
    const [before, step] = [moments[i - 1], steps[i]];
    if (before === undefined || step === undefined || answerAt(test, view.at(before), namespace) !== test.expect) continue;
    const objects = step.changes.map((change) => showRef('apply' in change ? refOf(change.apply) : change.delete));
    return { at: showInstant(step.at), objects: [...new Set(objects)].slice(0, 5) };
  }
  return null;
}

function answerAt(test: AccessTest, snapshot: Snapshot, namespace: string | null): CanWord | null {
  try {
    return answerIn(askCan(snapshot, specOf(test, namespace), TEST_WORDS), test.only);
  } catch (error) {
    if (error instanceof InvalidInput) return null;
    throw error;
  }
}
