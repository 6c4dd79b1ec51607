/** How the values of the configuration are written: as text in the environment, as text or YAML's own in the file. */
import * as z from 'zod';

const UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** `15m`, `2s`, `90d`, as milliseconds. */
export function duration(least: number) {
  return read((text) => {
    const [, number = '', unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
    const milliseconds = Number(number) * (UNITS.get(unit) ?? Number.NaN);
    if (number === '' || Number.isNaN(milliseconds)) return 'write a number and a unit: 500ms, 30s, 15m, 2h, 90d';
    return milliseconds < least ? `at least ${least}ms` : { value: milliseconds };
  });
}

const SIZES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['Ki', 2 ** 10],
  ['Mi', 2 ** 20],
  ['Gi', 2 ** 30],
]);

/** `32Mi`, `16Ki`, or plain bytes. */
export function bytes(least: number) {
  return read((text) => {
    const [, number = '', unit = ''] = /^(\d{1,12})(Ki|Mi|Gi)?$/.exec(text) ?? [];
    if (number === '') return 'write bytes as Kubernetes does: 16Ki, 32Mi, 1Gi';
    const size = Number(number) * (SIZES.get(unit) ?? 1);
    return size < least ? `at least ${least} bytes` : { value: size };
  });
}

/** A whole number. */
export function count(least: number, most: number) {
  return read((text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? { value } : `a whole number from ${least} to ${most}`;
  });
}

export const yesOrNo = read<boolean>((text) => (text === 'true' || text === 'false' ? { value: text === 'true' } : 'true or false'));

/** `HOST:PORT`, `[::1]:PORT`, or `:PORT` for every address. Port 0 takes a free one. */
export const listenAddress = read<{ readonly host: string; readonly port: number }>((text) => {
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{0,253})):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return 'write HOST:PORT, such as 127.0.0.1:8417, [::1]:8417 or 0.0.0.0:8417';
  return { value: { host: bracketed ?? (plain === undefined || plain === '' ? '0.0.0.0' : plain), port } };
});

/** A list, or text separated by commas. */
export const texts = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? value
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== '')
      : value,
  z.array(z.string().min(1).max(4096)).max(1000),
);

/** Names of BullMQ queues. */
export const names = texts.pipe(
  z.array(z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, 'a queue is named by letters, digits, - and _')).max(20),
);

/** Names of Kubernetes namespaces. */
export const namespaces = texts.pipe(
  z.array(z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'a namespace is named by lower-case letters, digits and -')).max(1000),
);

/** Name of a label of Loki or Prometheus. */
export const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,199}$/, 'a label is named by letters, digits and _');

const HTTP_URL = 'write http://HOST:PORT or https://HOST:PORT/PREFIX, without a user: credentials have keys of their own';

/** The address of an HTTP server, its path a prefix; empty: none. */
export const httpUrl = read<string>((text) => (text === '' || isHttpUrl(text) ? { value: text } : HTTP_URL));

/** Several of them. */
export const httpUrls = texts.pipe(z.array(z.string().refine(isHttpUrl, HTTP_URL)).max(20));

function isHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '' && url.username === '' && url.search === '' && url.hash === ''
  );
}

/** One header per line, `NAME: VALUE`. No message shows a value. */
export const headerList = read<readonly (readonly [name: string, value: string])[]>((text) => {
  const headers: (readonly [string, string])[] = [];
  for (const [index, line] of text.split(/\r?\n|;/).entries()) {
    if (line.trim() === '') continue;
    const colon = line.indexOf(':');
    const [name, value] = [line.slice(0, Math.max(0, colon)).trim(), line.slice(colon + 1).trim()];
    if (!/^[A-Za-z0-9-]{1,100}$/.test(name)) return `line ${index + 1}: write NAME: VALUE, such as X-Scope-OrgID: team-a`;
    if (RESERVED.has(name.toLowerCase())) return `line ${index + 1}: ${name} is set by keys of its own, or by HTTP itself`;
    if (!/^[\x20-\x7e]{1,4096}$/.test(value)) return `line ${index + 1}: a value is made of printable ASCII`;
    headers.push([name, value]);
  }
  return headers.length > 20 ? 'more than 20 headers' : { value: headers };
});

const RESERVED: ReadonlySet<string> = new Set([
  ...['authorization', 'host', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'connection', 'accept-encoding'],
]);

export const redisUrl = read<string>((text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && (url.protocol === 'redis:' || url.protocol === 'rediss:') && url.hostname !== ''
    ? { value: text }
    : 'write redis://HOST:PORT or rediss://USER:PASSWORD@HOST:PORT';
});

export const SCOPES = ['intake', 'read', 'triage'] as const;
export type Scope = (typeof SCOPES)[number];

export interface ConfiguredToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly token: string;
}

const LEAST_TOKEN = 16;

/** One token per line, `NAME SCOPE[,SCOPE] TOKEN`; empty lines and lines that begin with # are left out. No message shows a token. */
export const tokenList = read<readonly ConfiguredToken[]>((text) => {
  const tokens: ConfiguredToken[] = [];
  for (const [index, line] of text.split(/\r?\n|;/).entries()) {
    if (line.trim() === '' || line.trim().startsWith('#')) continue;
    const token = readToken(line.trim(), index + 1);
    if (typeof token === 'string') return token;
    if (tokens.some((known) => known.token === token.token)) return `line ${index + 1}: this token stands there twice`;
    tokens.push(token);
  }
  return tokens.length > 100 ? 'more than 100 tokens' : { value: tokens };
});

function readToken(line: string, number: number): ConfiguredToken | string {
  const [name = '', scopeText = '', token = '', ...rest] = line.split(/[ \t]+/);
  if (token === '' || rest.length > 0) return `line ${number}: write NAME SCOPE[,SCOPE] TOKEN, separated by spaces`;
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) return `line ${number}: a name is made of letters, digits, dots, - and _`;
  const scopes = scopeText.split(',');
  const known = SCOPES.filter((scope) => scopes.includes(scope));
  if (known.length !== scopes.length) return `line ${number}: scopes are ${SCOPES.join(', ')}, separated by commas`;
  if (token.length < LEAST_TOKEN) return `line ${number}: a token has at least ${LEAST_TOKEN} characters; openssl rand -hex 32 makes one`;
  if (!/^[\x21-\x7e]+$/.test(token)) return `line ${number}: a token is made of printable ASCII`;
  return { name, scopes: known, token };
}

/** Text, a number or a truth value, read by `parse`: the value, or what is wrong with it. */
function read<T = number>(parse: (text: string) => { readonly value: T } | string) {
  return z.union([z.string(), z.number(), z.boolean()], 'this is no single value').transform((given, context): T => {
    const outcome = parse(String(given).trim());
    if (typeof outcome !== 'string') return outcome.value;
    context.addIssue({ code: 'custom', message: outcome });
    return z.NEVER;
  });
}
