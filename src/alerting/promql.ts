/**
 * The one place where PromQL is written. Names are checked, values are quoted, and what comes out is parsed before anybody may use it.
 * Grammar: prometheus.io/docs/prometheus/latest/querying/basics.
 */
import { parser } from '@prometheus-io/lezer-promql';

/** Text of an expression; made by this file only. */
export type Promql = string & { readonly promql: true };

export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  /** Taken literally; a regular expression where the operator says so. */
  readonly value: string;
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

const made = (text: string): Promql => text as Promql;

/** `metric{label="value"}`: the series themselves. */
export function series(metric: string, matchers: readonly Matcher[] = []): Promql {
  if (!METRIC_NAME.test(metric)) throw new Error(`no name of a metric: ${quote(metric)}`);
  const inside = matchers.map(({ label, operator, value }) => `${labelName(label)}${operator}${quote(value)}`);
  return made(inside.length === 0 ? metric : `${metric}{${inside.join(',')}}`);
}

/** The series of several metrics. */
export function seriesOfAny(metrics: readonly [string, ...string[]], matchers: readonly Matcher[] = []): Promql {
  const all = [isOneOf('__name__', metrics), ...matchers];
  return made(`{${all.map(({ label, operator, value }) => `${labelName(label)}${operator}${quote(value)}`).join(',')}}`);
}

/** All samples of the last so many seconds, each with its own time; for instant queries. */
export function samplesOf(of: Promql, range: number): Promql {
  return made(`${of}[${duration(range)}]`);
}

export function equals(label: string, value: string): Matcher {
  return { label, operator: '=', value };
}

export function differs(label: string, value: string): Matcher {
  return { label, operator: '!=', value };
}

/** One of these values, each taken literally. */
export function isOneOf(label: string, values: readonly [string, ...string[]]): Matcher {
  if (values.length === 1) return equals(label, values[0]);
  return { label, operator: '=~', value: values.map(quoteRegex).join('|') };
}

/** `pattern`: a regular expression, as it is. */
export function isAnyOf(label: string, pattern: string): Matcher {
  return { label, operator: '=~', value: pattern };
}

export function isNoneOf(label: string, values: readonly [string, ...string[]]): Matcher {
  return { label, operator: '!~', value: values.map(quoteRegex).join('|') };
}

/** Go's string literal: nothing of the value can end it. What is no Unicode becomes U+FFFD, since Prometheus takes UTF-8 only. */
export function quote(value: string): string {
  const escaped = value.toWellFormed().replace(/[\\"\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === '\\' || character === '"') return `\\${character}`;
    if (character === '\n') return '\\n';
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/** A literal text as a regular expression of RE2 (Go's `regexp.QuoteMeta`). */
export function quoteRegex(value: string): string {
  return value.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

function labelName(name: string): string {
  if (!LABEL_NAME.test(name)) throw new Error(`no name of a label: ${quote(name)}`);
  return name;
}

export function isLabelName(name: string): boolean {
  return LABEL_NAME.test(name);
}

/** A duration as Prometheus writes it, from whole seconds. */
export function duration(seconds: number): string {
  if (!Number.isInteger(seconds) || seconds <= 0) throw new Error(`no duration: ${seconds} s`);
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const)
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  return `${seconds}s`;
}

/** What the series showed when they were last seen before `offset` seconds ago, at most `range` seconds before that. */
export function lastSeen(of: Promql, range: number, offset: number): Promql {
  return call('last_over_time', made(`${of}[${duration(range)}] offset ${duration(offset)}`));
}

export function overTime(name: 'increase' | 'rate' | 'max_over_time', of: Promql, range: number, offset = 0): Promql {
  return call(name, made(`${of}[${duration(range)}]${offset === 0 ? '' : ` offset ${duration(offset)}`}`));
}

export function absent(of: Promql): Promql {
  return call('absent', of);
}

function call(name: string, argument: Promql): Promql {
  return made(`${name}(${argument})`);
}

export function sumBy(labels: readonly string[], of: Promql): Promql {
  return aggregate('sum', labels, of);
}

export function countBy(labels: readonly string[], of: Promql): Promql {
  return aggregate('count', labels, of);
}

function aggregate(name: string, labels: readonly string[], of: Promql): Promql {
  return made(`${name} by (${labels.map(labelName).join(', ')}) (\n${indent(of)}\n)`);
}

/** One call of `label_replace`: where `regex` matches the whole of `source`'s value, `target` becomes `replacement`. */
export interface Relabeling {
  readonly target: string;
  readonly replacement: string;
  readonly source: string;
  readonly regex: string;
}

/** `target` becomes the value of `source`, where there is one. */
export function copied(target: string, source: string): Relabeling {
  return { target, replacement: '$1', source, regex: '(.+)' };
}

/** `target` becomes `value`, where `regex` matches the value of `source`; a label that is absent has the value "". */
export function set(target: string, value: string, source: string, regex: string): Relabeling {
  return { target, replacement: value.replaceAll('$', '$$$$'), source, regex };
}

/** One after the other. */
export function relabel(of: Promql, steps: readonly Relabeling[]): Promql {
  if (steps.length === 0) return of;
  const tails = steps.map(({ target, replacement, source, regex }) => {
    const texts = [labelName(target), replacement, labelName(source), regex].map(quote);
    return `, ${texts.join(', ')})`;
  });
  return made(`${'label_replace('.repeat(steps.length)}\n${indent(of)}\n${tails.join('\n')}`);
}

type SetOperator = 'and' | 'or' | 'unless';

/** Set operators; `on` names the labels that must agree, all of them where it is left out. */
export function combine(left: Promql, operator: SetOperator, right: Promql, on: readonly string[] | null = null): Promql {
  return made(`(\n${indent(left)}\n  ${operator}${matching(on)}\n${indent(right)}\n)`);
}

/** `of` without all of these. */
export function without(of: Promql, others: readonly Promql[]): Promql {
  return others.length === 0 ? of : combine(of, 'unless', firstOf(others));
}

/** The first of these that has a value, label set by label set. A row of some hundred is too long for the parser, so rows are put together of rows. */
export function firstOf(expressions: readonly Promql[]): Promql {
  const [only, ...more] = expressions;
  if (only !== undefined && more.length === 0) return only;
  if (expressions.length <= ROW) return made(`(\n${expressions.map(indent).join('\n  or\n')}\n)`);
  const size = Math.ceil(expressions.length / ROW);
  const rows = Array.from({ length: Math.ceil(expressions.length / size) }, (_, i) => expressions.slice(i * size, (i + 1) * size));
  return firstOf(rows.map(firstOf));
}

const ROW = 20;

type Arithmetic = '+' | '-' | '/';
type Comparison = '>' | '>=' | '<' | '==' | '!=';

export function binary(left: Promql, operator: Arithmetic | Comparison, right: Promql, on: readonly string[] | null = null): Promql {
  return made(`(${left} ${operator}${matching(on)} ${right})`);
}

/** 1 where the value is 0, else 0. */
export function isZero(of: Promql): Promql {
  return made(`(${of} == bool 0)`);
}

/** Comparison at the top of a rule. */
export function compare(left: Promql, operator: Comparison, right: number): Promql {
  return made(`${left} ${operator} ${number(right)}`);
}

export function number(value: number): Promql {
  if (!Number.isFinite(value)) throw new Error(`no number for PromQL: ${value}`);
  return made(String(value));
}

/** Seconds since the epoch, `seconds` ago. */
export function secondsAgo(seconds: number): Promql {
  return made(`(time() - ${number(seconds)})`);
}

function matching(on: readonly string[] | null): string {
  return on === null ? '' : ` on (${on.map(labelName).join(', ')})`;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

/** Throws, since it would be a bug here, when Prometheus could not read the expression. */
export function assertPromql(text: string): void {
  parser.parse(text).iterate({
    enter(node) {
      if (node.type.isError)
        throw new Error(`PromQL that does not parse, at ${node.from}: ${text.slice(Math.max(0, node.from - 40), node.from + 40)}`);
    },
  });
}
