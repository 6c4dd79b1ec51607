/** Annotations of a route with a Service or EgressNetwork parent (linkerd2 `policy-controller/k8s/index/src/outbound/index.rs`). Inbound policy knows none of them; admission reads them. */
import { cannotParse, refuse } from './refusal.ts';
import { showDuration } from './rust-text.ts';

export type Annotations = Readonly<Record<string, string>>;

/** `retry.linkerd.io/*` of an HTTPRoute: conditions are `5xx`, `gateway-error`, a status or a range of statuses. */
export function checkHttpRetry(annotations: Annotations): void {
  checkRetryLimits(annotations);
  const conditions = annotation(annotations, 'retry.linkerd.io/http');
  if (conditions !== null && !conditions.split(',').every(isHttpCondition)) refuse(`invalid retry condition: ${conditions}`);
}

const GRPC_CONDITIONS: readonly string[] = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'];

/** `retry.linkerd.io/*` of a GRPCRoute. */
export function checkGrpcRetry(annotations: Annotations): void {
  checkRetryLimits(annotations);
  const unknown = annotation(annotations, 'retry.linkerd.io/grpc')
    ?.split(',')
    .find((condition) => !GRPC_CONDITIONS.includes(condition.toLowerCase()));
  if (unknown !== undefined) refuse(`Unknown grpc retry condition: ${unknown}`);
}

/** `timeout.linkerd.io/*`. */
export function checkTimeouts(annotations: Annotations): void {
  for (const name of ['response', 'request', 'idle']) duration(annotations, `timeout.linkerd.io/${name}`);
}

const ACCRUAL = 'balancer.linkerd.io/failure-accrual';
const CONSECUTIVE = `${ACCRUAL}-consecutive`;
const SUCCESS_RATE = 'balancer.alpha.linkerd.io/failure-accrual-success-rate';

/** `balancer.linkerd.io/failure-accrual*`. */
export function checkAccrual(annotations: Annotations): void {
  const mode = annotation(annotations, ACCRUAL);
  if (mode === null) return;
  if (mode !== 'consecutive' && mode !== 'unified') refuse(`unsupported failure accrual mode: ${mode}`);
  unsigned(annotations, `${CONSECUTIVE}-max-failures`, 2n ** 32n - 1n);
  const most = duration(annotations, `${CONSECUTIVE}-max-penalty`) ?? 60_000n;
  const least = duration(annotations, `${CONSECUTIVE}-min-penalty`) ?? 1000n;
  const jitter = float(annotations, `${CONSECUTIVE}-jitter-ratio`) ?? 0.5;
  if (least > most) refuse(`min_penalty (${showMilliseconds(least)}) cannot exceed max_penalty (${showMilliseconds(most)})`);
  if (most === 0n) refuse('max_penalty cannot be zero');
  if (!(jitter >= 0)) refuse('jitter cannot be negative');
  if (jitter > 100) refuse('jitter cannot be greater than 100');
  if (mode === 'unified') checkSuccessRate(annotations);
}

function checkSuccessRate(annotations: Annotations): void {
  const threshold = float(annotations, `${SUCCESS_RATE}-threshold`) ?? 0.8;
  if (!(threshold >= 0 && threshold <= 1)) refuse(`success-rate threshold must be between 0.0 and 1.0, got ${threshold}`);
  const window = duration(annotations, `${SUCCESS_RATE}-window`);
  if (window === 0n) refuse('success-rate-window must be greater than zero');
  if (threshold !== 0 && window !== null && window < 10n) {
    refuse(`success-rate-window must be at least 10ms, got ${showMilliseconds(window)}`);
  }
  const requests = unsigned(annotations, `${SUCCESS_RATE}-min-requests`, 2n ** 32n - 1n);
  if (threshold !== 0 && requests !== null && requests > 1_000_000n) {
    refuse(`success-rate-min-requests cannot exceed 1000000, got ${requests}`);
  }
}

function checkRetryLimits(annotations: Annotations): void {
  const limit = annotation(annotations, 'retry.linkerd.io/limit');
  if (limit !== null) parseUnsigned(limit, 65535n);
  duration(annotations, 'retry.linkerd.io/timeout');
}

function isHttpCondition(condition: string): boolean {
  if (['5xx', 'gateway-error'].includes(condition.toLowerCase())) return true;
  if (statusCode(condition) !== null) return true;
  const dash = condition.indexOf('-');
  if (dash < 0) return false;
  const [first, last] = [statusCode(condition.slice(0, dash)), statusCode(condition.slice(dash + 1))];
  return first !== null && last !== null && first <= last;
}

function statusCode(text: string): number | null {
  if (!/^\+?\d{1,20}$/.test(text)) return null;
  const code = Number(text);
  return code >= 100 && code < 600 ? code : null;
}

function annotation(annotations: Annotations, name: string): string | null {
  const value: unknown = Object.hasOwn(annotations, name) ? annotations[name] : null;
  return typeof value === 'string' ? value : null;
}

function unsigned(annotations: Annotations, name: string, most: bigint): bigint | null {
  const value = annotation(annotations, name);
  return value === null ? null : parseUnsigned(value.trim(), most);
}

function parseUnsigned(text: string, most: bigint): bigint {
  if (!/^\+?\d+$/.test(text)) return cannotParse(text === '' ? 'cannot parse integer from empty string' : 'invalid digit found in string');
  const digits = text.replace(/^\+?0*/, '');
  if (digits.length > 20 || BigInt(digits) > most) return cannotParse('number too large to fit in target type');
  return BigInt(digits);
}

/** As Rust reads floats: `inf`, `infinity` and `nan` are numbers too. */
function float(annotations: Annotations, name: string): number | null {
  const text = annotation(annotations, name)?.trim();
  if (text === undefined) return null;
  if (/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  if (/^[-+]?inf(?:inity)?$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[-+]?nan$/i.test(text) ? Number.NaN : cannotParse('invalid float literal');
}

const MILLISECONDS: ReadonlyMap<string, bigint> = new Map([
  ['ms', 1n],
  ['s', 1000n],
  ['m', 60_000n],
  ['h', 3_600_000n],
  ['d', 86_400_000n],
]);

const MOST = 2n ** 64n - 1n;

/** Whole milliseconds, seconds, minutes, hours or days; a bare `0` needs no unit. */
function duration(annotations: Annotations, name: string): bigint | null {
  const value = annotation(annotations, name);
  if (value === null) return null;
  const text = value.trim();
  if (text.startsWith('-')) return cannotParse(`duration value cannot be negative: '${text}'`);
  const end = lastDigit(text) + 1;
  if (end === 0) return refuse(`${text} does not contain a timeout duration value`);
  if (text.slice(0, end).includes('.')) return cannotParse('fractional values not supported');
  const magnitude = parseUnsigned(text.slice(0, end), MOST);
  const unit = text.slice(end);
  if (unit === '' && magnitude === 0n) return 0n;
  const factor = MILLISECONDS.get(unit);
  if (factor === undefined) return cannotParse(`invalid duration unit ${unit} (expected one of 'ms', 's', 'm', 'h', or 'd')`);
  const milliseconds = magnitude * factor;
  return milliseconds > MOST ? cannotParse(`Timeout value ${text} overflows when converted to 'ms'`) : milliseconds;
}

function lastDigit(text: string): number {
  let i = text.length - 1;
  while (i >= 0 && !isDigit(text.charCodeAt(i))) i--;
  return i;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function showMilliseconds(milliseconds: bigint): string {
  return showDuration(milliseconds * 1_000_000n);
}
