import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClientTls } from '../../src/evidence/log-tls.ts';

const established = (id: string, protocol = 'None') => `Some(Established { client_id: ${id}, negotiated_protocol: ${protocol} })`;
const uri = (scheme: string, host: string, path: string) =>
  `Some(ClientId(Uri(Url { scheme: "${scheme}", cannot_be_a_base: false, username: "", password: None, host: Some(Domain("${host}")), port: None, path: "${path}", query: None, fragment: None })))`;

/** Rust's Debug form of a string, as far as these tests need it. */
function rust(text: string): string {
  return JSON.stringify(text)
    .replace(/\\u([0-9a-f]{4})/g, (_, hex: string) => `\\u{${hex.replace(/^0+/, '') || '0'}}`)
    .replace(/\\b/g, '\\u{8}')
    .replace(/\\f/g, '\\u{c}');
}

describe('client TLS in Debug form', () => {
  it.each([
    [
      'a mesh client over HTTP',
      established('Some(ClientId(Dns(Name("a.b"))))', 'Some("transport.l5d.io/v1")'),
      { state: 'established', clientId: 'a.b' },
    ],
    ['a mesh client over TCP', established('Some(ClientId(Dns(Name("a.b"))))'), { state: 'established', clientId: 'a.b' }],
    ['a mesh client before Linkerd 2.15', established('Some(ClientId(Name("a.b")))'), { state: 'established', clientId: 'a.b' }],
    [
      'a SPIFFE client',
      established(uri('spiffe', 'root.linkerd.cluster.local', '/vm')),
      { state: 'established', clientId: 'spiffe://root.linkerd.cluster.local/vm' },
    ],
    ['mesh TLS without a certificate', established('None'), { state: 'established', clientId: null }],
    ['foreign TLS', 'Some(Passthru { sni: ServerName(Name("example.com")) })', { state: 'passthru', sni: 'example.com' }],
    ['plaintext', 'None(NoClientHello)', { state: 'none', reason: 'no_tls_from_remote' }],
    ['a skipped port', 'None(PortSkipped)', { state: 'none', reason: 'port_skipped' }],
    ['loopback', 'None(Loopback)', { state: 'none', reason: 'loopback' }],
    ['disabled', 'None(Disabled)', { state: 'none', reason: 'disabled' }],
  ])('%s', (_name, text, expected) => {
    expect(readClientTls(text)).toEqual(expected);
  });

  it.each([
    '',
    'None',
    'None(Other)',
    'Some(Established { client_id: None })',
    `${established('None')} `,
    established('Some(ClientId(Dns(Name("a)))))'),
    established('Some(ClientId(Dns(Name("a"))))').replace('a"', 'a", Name("b"'),
    'Some(Passthru { sni: ServerName(Name("a")) }) })',
  ])('%s is not known', (text) => {
    expect(readClientTls(text)).toBeNull();
  });

  it('gives back any identity and SNI, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(readClientTls(established(`Some(ClientId(Dns(Name(${rust(text)}))))`))).toEqual({ state: 'established', clientId: text });
        expect(readClientTls(`Some(Passthru { sni: ServerName(Name(${rust(text)})) })`)).toEqual({ state: 'passthru', sni: text });
      }),
    );
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => readClientTls(`Some(Established { client_id: Some(ClientId(Dns(Name("${text}`) === null));
  });
});
