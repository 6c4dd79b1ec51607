/** An alert as people copy it from Alertmanager, a page or a message: its labels. */
import { InvalidInput } from '../errors.ts';
import { type AlertFact, parseWebhook } from '../evidence/alert.ts';

const PAIR = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}=\s][^",{}=]*))\s*/y;
const EXAMPLE = 'Give its labels as Alertmanager shows them: alertname=LinkerdRequestsDenied,namespace=shop,deployment=cart.';

/** True for what means to be labels rather than the name of a workload. */
export function looksLikeLabels(text: string): boolean {
  return text.includes('=');
}

/** `a=b,c="d"`, in braces or not. It fires, since when is not known. Errors: InvalidInput. */
export function readAlertLabels(text: string): AlertFact {
  const inner = text.trim().replace(/^\{(.*)\}$/s, '$1');
  const labels = new Map<string, string>();
  let at = 0;
  while (at < inner.length) {
    PAIR.lastIndex = at;
    const [whole, name, quoted, bare] = PAIR.exec(inner) ?? [];
    if (whole === undefined || name === undefined) throw new InvalidInput(`"${text}" is no list of labels.`, EXAMPLE);
    if (labels.has(name)) throw new InvalidInput(`"${text}" has the label ${name} twice.`, EXAMPLE);
    labels.set(name, quoted === undefined ? (bare ?? '').trim() : unquote(quoted));
    at += whole.length;
    if (at < inner.length && inner[at] !== ',') throw new InvalidInput(`"${text}" is no list of labels.`, EXAMPLE);
    at++;
  }
  const [alert] = parseWebhook({ alerts: [{ status: 'firing', labels: Object.fromEntries(labels) }] }).alerts;
  if (alert === undefined || labels.size === 0) throw new InvalidInput('There are no labels of an alert.', EXAMPLE);
  return alert;
}

function unquote(text: string): string {
  return text.replace(/\\(.)/gs, (_, c: string) => (c === 'n' ? '\n' : c));
}
