/** What went wrong with an upstream, in words that say what to do. Nothing that it sent is repeated but short words of its own API. */
import { InvalidInput, Unavailable } from '../errors.ts';

interface Limits {
  readonly timeout: number;
  readonly mostBytes: number;
}

/** No answer, or one that did not arrive whole. */
export function transportFault(error: unknown, place: string, { timeout, mostBytes }: Limits): Unavailable {
  const cause = error instanceof Error ? error.cause : null;
  if (cause instanceof Unavailable) return cause;
  if (error instanceof InvalidInput) return new Unavailable(`${error.message} (${error.place?.file ?? ''})`, error.remedy);
  const { code, message } = partsOf(error);
  const fault = (what: string, remedy: string) => new Unavailable(`${place} ${what}`, remedy);
  if (code === 'ERR_CANCELED' || code === 'ECONNABORTED' || code === 'ETIMEDOUT')
    return fault(
      `did not answer within ${timeout / 1000} s.`,
      'Is it overloaded, or is a NetworkPolicy in the way? Raise its timeout if it is only slow.',
    );
  if (code === 'ECONNREFUSED')
    return fault('is not reachable (ECONNREFUSED).', 'Is it running, and are host and port those of its Service?');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return fault(`has a name that nobody knows (${code}).`, 'In a cluster it is SERVICE.NAMESPACE.svc.');
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return fault(`is not reachable (${code}).`, 'Look at routes and NetworkPolicies.');
  if (message.startsWith('maxContentLength'))
    return fault(`answered with more than ${Math.floor(mostBytes / 2 ** 20)} MiB.`, 'Raise the limit of an answer, or poll less.');
  const tls = tlsFault(code, message);
  if (tls !== null) return fault(...tls);
  if (code.startsWith('HPE_')) return fault('does not speak HTTP.', 'Is it https:// rather than http://, or another port?');
  if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR')
    return fault('sent a body that cannot be unpacked.', 'Look at what stands between.');
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_BAD_RESPONSE' || message.includes('aborted'))
    return fault('closed the connection before its answer was whole.', 'Did it restart? Look at its log, and at what stands between.');
  return fault(`cannot be asked (${code === '' ? 'for an unknown reason' : code}).`, 'Look at its log.');
}

/** What failed, and what to do, where it is TLS that failed. Codes: Node's own, and OpenSSL's of the alert that the other side sent. */
function tlsFault(code: string, message: string): readonly [what: string, remedy: string] | null {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return ['shows a certificate of another name.', 'Use a name that is in its certificate as the address, or as serverName.'];
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return [`shows a certificate that is not valid now (${code}).`, 'Is it renewed, and is the clock here right?'];
  if (/^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_)/.test(code))
    return [`shows a certificate that is not trusted (${code}).`, 'Set caFile to the certificate authority that signed it.'];
  // Go's servers send one alert for a certificate that is missing and one that is not trusted.
  if (/_ALERT_(?:.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)$/.test(code))
    return [
      `wants a client certificate that it trusts (${code}).`,
      'Set certFile and keyFile to one that its authority signed, and that has not expired.',
    ];
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
    return ['cannot be asked: the key is not that of the client certificate.', 'Set certFile and keyFile to files that belong together.'];
  if (code === 'EPROTO' || message.includes('SSL routines'))
    return ['speaks another protocol (TLS failed).', 'Is it http:// rather than https://?'];
  return null;
}

function partsOf(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: '' };
  const own = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const cause = error.cause instanceof Error && 'code' in error.cause && typeof error.cause.code === 'string' ? error.cause.code : '';
  return { code: own === 'ERR_BAD_REQUEST' || own === '' ? cause || own : own, message: error.message };
}

/** An answer that says no. */
export function statusFault(status: number, headers: unknown, text: string, place: string): Unavailable {
  const fault = (what: string, remedy: string) => new Unavailable(`${place} ${what}`, remedy);
  if (headerOf(headers, 'l5d-proxy-error') !== '')
    return fault(
      `was not reached: a Linkerd proxy answered ${status}.`,
      'Does a policy of its namespace allow denywhy? Look at the log of its proxy.',
    );
  if (status >= 300 && status < 400)
    return fault(`redirects elsewhere (${status}), which is not followed.`, 'Configure the address that it redirects to.');
  if (wantsTls(status, text)) return fault('speaks TLS only.', 'Is it https:// rather than http://?');
  if (status === 401)
    return fault('wants credentials (401).', 'Set a token, or a username and a password; one that is set is not the right one.');
  if (status === 403) return fault('refuses these credentials (403).', 'Are they those of a user who may query? Is a policy in the way?');
  if (status === 404) return fault('has no such API (404).', 'Is a path missing in the address, such as /prometheus?');
  if (status === 413 || status === 414)
    return fault(`takes no request of this size (${status}).`, 'Look at the limits of what stands between.');
  if (status === 429) return fault('says that it is asked too often (429).', 'Poll less often, or raise its limit.');
  const own = status >= 500 ? 'Look at its log.' : 'Is it what the configuration takes it for?';
  const word = errorOf(text);
  return fault(
    `answered ${status}${word === '' ? '' : `: ${word}`}.`,
    status === 502 || status === 503 || status === 504 ? 'Is it starting, or overloaded?' : own,
  );
}

/** A server in Go that is asked in the clear. https://pkg.go.dev/net/http */
export function wantsTls(status: number, text: string): boolean {
  return status === 400 && text.startsWith('Client sent an HTTP request to an HTTPS server');
}

function headerOf(headers: unknown, name: string): string {
  if (typeof headers !== 'object' || headers === null) return '';
  const value: unknown = Object.hasOwn(headers, name) ? (headers as Readonly<Record<string, unknown>>)[name] : '';
  return typeof value === 'string' ? value : '';
}

/** `error` of an answer of its API, cut, without control characters; '' for HTML and the like. */
export function errorOf(text: string): string {
  if (!text.startsWith('{') || text.length > 1_000_000) return '';
  try {
    const body: unknown = JSON.parse(text);
    const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
    return typeof error === 'string' ? error.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 300) : '';
  } catch {
    return '';
  }
}
