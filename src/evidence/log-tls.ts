/** The Rust Debug text of the client side of a connection (`client.tls=`, `tls=`; linkerd2-proxy `linkerd/tls/src/server.rs`, `linkerd/identity/src/`). */
import type { ClientTls } from '../policy/evaluation.ts';
import { MAX_IDENTITY } from './lengths.ts';
import { readRustString } from './log-text.ts';

const ESTABLISHED = 'Some(Established { client_id: ';
const NEGOTIATED = ', negotiated_protocol: ';
const PASSTHRU = 'Some(Passthru { sni: ServerName(Name(';
const NO_TLS = new Map<string, ClientTls>([
  ['None(NoClientHello)', { state: 'none', reason: 'no_tls_from_remote' }],
  ['None(PortSkipped)', { state: 'none', reason: 'port_skipped' }],
  ['None(Loopback)', { state: 'none', reason: 'loopback' }],
  ['None(Disabled)', { state: 'none', reason: 'disabled' }],
]);
/** `Dns(Name("…"))` since Linkerd 2.15, `Name("…")` before. */
const DNS_FORMS = ['Some(ClientId(Dns(Name(', 'Some(ClientId(Name('] as const;
/** With what `Url`'s Debug text has around it, and Rust's escapes. */
const MAX_TEXT = 2 * MAX_IDENTITY;
const URI_FORM = 'Some(ClientId(Uri(Url { scheme: ';

/** null: not a text the proxy is known to write. The whole text must fit, so no part of an identity or SNI can pass for another. */
export function readClientTls(text: string): ClientTls | null {
  const none = NO_TLS.get(text);
  if (none !== undefined) return none;
  if (text.length > MAX_TEXT) return null;
  if (text.startsWith(PASSTHRU)) {
    const sni = readRustString(text, PASSTHRU.length);
    return sni !== null && text.slice(sni.end) === ')) })' ? { state: 'passthru', sni: sni.value } : null;
  }
  if (!text.startsWith(ESTABLISHED)) return null;
  const id = readClientId(text, ESTABLISHED.length);
  if (id === null || !text.startsWith(NEGOTIATED, id.end) || !endsNegotiated(text, id.end + NEGOTIATED.length)) return null;
  return { state: 'established', clientId: id.value };
}

function endsNegotiated(text: string, from: number): boolean {
  if (text.startsWith('Some(', from)) {
    const protocol = readRustString(text, from + 'Some('.length);
    return protocol !== null && text.slice(protocol.end) === ') })';
  }
  return text.slice(from) === 'None })';
}

function readClientId(text: string, from: number): { readonly value: string | null; readonly end: number } | null {
  if (text.startsWith('None', from)) return { value: null, end: from + 'None'.length };
  for (const form of DNS_FORMS) {
    if (!text.startsWith(form, from)) continue;
    const name = readRustString(text, from + form.length);
    const closing = form === DNS_FORMS[0] ? '))))' : ')))';
    return name !== null && text.startsWith(closing, name.end) ? { value: name.value, end: name.end + closing.length } : null;
  }
  return text.startsWith(URI_FORM, from) ? readUri(text, from + URI_FORM.length) : null;
}

/** `url::Url`'s Debug text, whose fields come in a fixed order: scheme, …, host, port, path, …. */
function readUri(text: string, from: number): { readonly value: string; readonly end: number } | null {
  const scheme = readRustString(text, from);
  const before = ', cannot_be_a_base: false, username: "", password: None, host: Some(Domain(';
  if (scheme === null || !text.startsWith(before, scheme.end)) return null;
  const host = readRustString(text, scheme.end + before.length);
  const between = ')), port: None, path: ';
  if (host === null || !text.startsWith(between, host.end)) return null;
  const path = readRustString(text, host.end + between.length);
  const closing = ', query: None, fragment: None })))';
  if (path === null || !text.startsWith(closing, path.end)) return null;
  return { value: `${scheme.value}://${host.value}${path.value}`, end: path.end + closing.length };
}
