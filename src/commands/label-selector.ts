/** Label selectors as kubectl takes them: `app=cart,tier!=cache,env in (prod, test),!canary`. */
import { InvalidInput } from '../errors.ts';
import type { Selector } from '../policy/selector.ts';

type Expression = Selector['matchExpressions'][number];

const KEY = '((?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[\\w.-]{0,61}[A-Za-z0-9])?)';
const VALUE = '([A-Za-z0-9](?:[\\w.-]{0,61}[A-Za-z0-9])?)?';
const FORMS: readonly (readonly [form: RegExp, read: (key: string, value: string) => Expression])[] = [
  [new RegExp(`^${KEY} *={1,2} *${VALUE}$`), (key, value) => ({ key, operator: 'In', values: [value] })],
  [new RegExp(`^${KEY} *!= *${VALUE}$`), (key, value) => ({ key, operator: 'NotIn', values: [value] })],
  [new RegExp(`^${KEY} +in +\\(([^()]*)\\)$`), (key, list) => ({ key, operator: 'In', values: valuesIn(list) })],
  [new RegExp(`^${KEY} +notin +\\(([^()]*)\\)$`), (key, list) => ({ key, operator: 'NotIn', values: valuesIn(list) })],
  [new RegExp(`^${KEY}$`), (key) => ({ key, operator: 'Exists', values: [] })],
  [new RegExp(`^! *${KEY}$`), (key) => ({ key, operator: 'DoesNotExist', values: [] })],
];

/** Errors: InvalidInput. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors */
export function readLabelSelector(text: string): Selector {
  // A comma in brackets stands between values.
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  return { matchLabels: [], matchExpressions: parts.map(readPart) };
}

function readPart(part: string): Expression {
  for (const [form, read] of FORMS) {
    const [, key, value = ''] = form.exec(part) ?? [];
    if (key !== undefined) return read(key, value);
  }
  throw new InvalidInput(
    `--selector cannot be read at ${JSON.stringify(part.slice(0, 100))}.`,
    'Write it as kubectl does: -l app=cart, or -l "app in (cart, shop),tier!=cache".',
  );
}

const WHOLE_VALUE = new RegExp(`^${VALUE}$`);

function valuesIn(list: string): readonly string[] {
  const values = list.split(',').map((value) => value.trim());
  const wrong = values.find((value) => !WHOLE_VALUE.test(value));
  if (wrong === undefined) return values;
  throw new InvalidInput(
    `--selector: ${JSON.stringify(wrong.slice(0, 100))} is no value of a label.`,
    'Values are letters, digits, -, _ and dots.',
  );
}

/** Errors: InvalidInput (a workload is named as well). null: none was given. */
export function selectorOf(text: string | undefined, hasWorkload: boolean): Selector | null {
  if (text === undefined) return null;
  if (hasWorkload) throw new InvalidInput('a workload and --selector exclude each other.', 'Leave out one of them.');
  return readLabelSelector(text);
}
