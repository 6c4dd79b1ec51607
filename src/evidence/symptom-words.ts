/** What each kind of symptom is, for people. */
import type { SymptomKind } from './facts.ts';

export const SYMPTOM_WORDS: Readonly<Record<SymptomKind, string>> = {
  'refused-before-policy': 'refused before any policy is asked',
  'connect-failed': 'could not connect',
  'remote-proxy-error': 'this proxy, as a client, was refused by another',
  'policy-controller-unreachable': 'no answer from the policy controller',
  'server-misconfigured': 'the proxy cannot use the policy it was sent',
  'detection-fallback': 'protocol detection timed out',
  'scrape-refused': 'Prometheus was refused',
  'scrape-failed': 'Prometheus could not read the metrics',
  'probe-failing': 'a probe fails',
  'request-failed': 'a request failed',
  'application-refused': 'the application itself refused',
  'controller-complaint': 'the policy controller complains',
};

export function isSymptomKind(kind: string): kind is SymptomKind {
  return Object.hasOwn(SYMPTOM_WORDS, kind);
}
