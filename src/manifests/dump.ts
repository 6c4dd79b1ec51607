/** The command that writes down what denywhy wants to know of a cluster. */

const KINDS = [
  'ns,nodes,sa',
  'pods',
  'svc,endpointslices',
  'netpol',
  'deploy,rs,sts,ds,rc,jobs,cronjobs',
  'srv,saz,authzpolicy,meshtlsauthn,netauthn',
  'httproutes.policy.linkerd.io,httplocalratelimitpolicies,egressnetworks',
  'externalworkloads',
].join(',');

/** `file` ends in `.yaml` or `.json`, which decides the format. */
export function dumpCommand(file: string): string {
  return `kubectl get ${KINDS} -A -o ${file.endsWith('.json') ? 'json' : 'yaml'} > ${file}`;
}
