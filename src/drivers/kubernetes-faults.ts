/** What went wrong with the API server, in words that say what to do. */
import { Unavailable } from '../errors.ts';

/** An answer that says no. `status` is HTTP's, `reason` is that of Kubernetes (`Forbidden`, `Expired`, …), empty where it gave none. */
export class KubernetesRefusal extends Unavailable {
  readonly status: number;
  readonly reason: string;

  constructor(message: string, remedy: string, status: number, reason: string) {
    super(message, remedy);
    this.status = status;
    this.reason = reason;
  }
}

/** `what` was asked for, as people say it: `pods in shop`. `text`: the body. */
export function refusalOf(status: number, text: string, what: string, place: string): KubernetesRefusal {
  const { message, reason } = statusOf(text);
  const own = message === '' ? '' : `: ${message}`;
  const fault = (said: string, remedy: string) => new KubernetesRefusal(said, remedy, status, reason);
  if (status === 401)
    return fault(
      `${place} does not know who asks (401) when asked for ${what}.`,
      'The token or certificate has run out or was revoked: log in again, or look at the ServiceAccount.',
    );
  if (status === 403)
    return fault(
      `${place} does not let us read ${what} (403)${own}.`,
      'Grant get, list and watch on it: docs/kubernetes.md has the rights.',
    );
  if (status === 404)
    return fault(`${place} has no ${what} (404)${own}.`, 'Is it the right cluster, and are its CustomResourceDefinitions installed?');
  if (status === 410) return fault(`${place} no longer knows where we were in ${what} (410)${own}.`, 'It is read anew.');
  if (status === 429) return fault(`${place} says that it is asked too often (429).`, 'It is asked again later.');
  if (status >= 300 && status < 400)
    return fault(`${place} redirects elsewhere (${status}), which is not followed.`, 'Name the address it redirects to.');
  return fault(
    `${place} answered ${status} when asked for ${what}${own}.`,
    status >= 500 ? 'Is it starting, or overloaded?' : 'Look at its log.',
  );
}

const LONGEST_STATUS = 1_000_000;
const LONGEST_MESSAGE = 300;

/** Of a `Status` object (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/), cut, in one line. */
function statusOf(text: string): { readonly message: string; readonly reason: string } {
  const none = { message: '', reason: '' };
  if (!text.startsWith('{') || text.length > LONGEST_STATUS) return none;
  try {
    const { kind, message, reason } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (kind !== 'Status') return none;
    return {
      message: typeof message === 'string' ? oneLine(message).replace(/\.$/, '') : '',
      reason: typeof reason === 'string' ? reason.slice(0, 100) : '',
    };
  } catch {
    return none;
  }
}

/** No answer, or one that did not arrive whole. */
export function connectionFault(error: unknown, place: string, timeout: number): Unavailable {
  if (error instanceof Unavailable) return error;
  const { code, message } = partsOf(error);
  const fault = (what: string, remedy: string) => new Unavailable(`${place} ${what}`, remedy);
  if (code === 'ABORT_ERR') return fault('was no longer asked.', 'Nothing is to be done.');
  if (code === 'ETIMEDOUT')
    return fault(`did not answer within ${timeout / 1000} s.`, 'Is it overloaded, or is a firewall or a NetworkPolicy in the way?');
  if (code === 'ECONNREFUSED')
    return fault('is not reachable (ECONNREFUSED).', 'Is it running, and is it the right context of the kubeconfig?');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return fault(`has a name that nobody knows (${code}).`, 'Is it the right context of the kubeconfig? Is a VPN down?');
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return fault(`is not reachable (${code}).`, 'Look at routes, VPN and NetworkPolicies.');
  if (/^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_)/.test(code))
    return fault(
      `shows a certificate that is not trusted (${code}).`,
      'Look at certificate-authority and tls-server-name of its cluster in the kubeconfig.',
    );
  if (code === 'ERR_PROXY_TUNNEL')
    return fault(
      'is not reached: the proxy on the way refuses.',
      'Look at proxy-url of its cluster in the kubeconfig, and at HTTPS_PROXY and NO_PROXY.',
    );
  if (/^ERR_OSSL_(?:PEM|ASN1|X509|EVP|DECODER)/.test(code))
    return fault(
      `is not asked: a certificate or key of the kubeconfig cannot be read (${code}).`,
      'They are PEM: look at client-certificate, client-key and certificate-authority.',
    );
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || message.includes('SSL routines'))
    return fault(
      'speaks another protocol, or wants another certificate (TLS failed).',
      'Is it http:// rather than https://? Has the client certificate run out?',
    );
  if (code.startsWith('HPE_')) return fault('does not speak HTTP.', 'Is it https:// rather than http://, or another port?');
  if (code === 'ECONNRESET' || code === 'EPIPE' || message === 'aborted')
    return fault('closed the connection before its answer was whole.', 'Did it restart? Look at what stands between.');
  return fault(`cannot be asked (${code === '' ? 'for an unknown reason' : code}).`, 'Look at its log.');
}

function partsOf(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: '' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name === 'AbortError' ? 'ABORT_ERR' : '';
  return { code, message: error.message };
}

/** Without control characters, cut: what a program or a server wrote. */
export function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_MESSAGE);
}
