/** Proofs in words. */
import type { Who } from '../access/clients.ts';
import type { Keeper } from '../manifests/keeper.ts';
import type { Newcomer, RemedyVerdict } from './remedy.ts';

function showWho(who: Who): string {
  switch (who.type) {
    case 'service-account':
      return `sa/${who.name} in ${who.namespace}`;
    case 'unmeshed':
      return `pods without a proxy of sa/${who.serviceAccount} in ${who.namespace}`;
    case 'node':
      return `node ${who.name}`;
    case 'identity':
      return who.identity;
    case 'other-identity':
      return who.identity === null ? 'mesh TLS without a certificate' : `any identity such as ${who.identity}`;
    case 'address':
      return `any client at addresses such as ${who.ip}`;
  }
}

const MOST_NAMES = 5;

/** The first of them, and how many more. */
export function some(names: readonly string[]): string {
  return `${names.slice(0, MOST_NAMES).join(', ')}${names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''}`;
}

/** With those of its kind. */
export function showClient({ who, alike }: Pick<Newcomer, 'who' | 'alike'>): string {
  return alike === undefined || alike.clients === 0 ? showWho(who) : `${showWho(who)} and ${alike.clients} like it`;
}

const MOST_REQUESTS = 3;

/** `sa/admin in shop: GET /admin on port 8080 of Server backend-http`. */
export function showNewcomer({ who, requests, port, server, namespace, alike }: Newcomer): string {
  const asked = requests.length > MOST_REQUESTS ? `${requests.length} kinds of request` : requests.join(', ');
  const where = server === null ? `port ${port} in ${namespace}` : `port ${port} of Server ${namespace}/${server}`;
  const more = alike === undefined || alike.ports === 0 ? '' : ` and ${alike.ports} like it`;
  return `${showClient({ who, ...(alike === undefined ? {} : { alike }) })}: ${asked} on ${where}${more}`;
}

/** What becomes of an edit by hand. */
export function showKeeper({ tool, name }: Keeper, object: string): string {
  const whose = name === null ? '' : ` ${name}`;
  if (tool === 'Helm')
    return `${object} belongs to Helm release${whose}: the next upgrade takes an edit by hand back. Change the chart or its values.`;
  if (tool === 'controller') return `${object} belongs to${whose}, which takes an edit by hand back. Change that one.`;
  return `${object} is kept by ${tool}${whose}, which takes an edit by hand back. Change its source.`;
}

/** `fix: Correct the identity in …` */
export function showVerdict({ verdict, title }: { readonly verdict: RemedyVerdict; readonly title: string | null }): string {
  return title === null ? verdict : `${verdict}: ${title}`;
}
