/** The incidents of a played recording as the service keeps them, and how to ask it for more. */
import { showVerdict } from '../remedies/wording.ts';
import type { ServedIncident } from './demo-service.ts';
import type { Style } from './explain-lines.ts';
import { safe, wrap } from './terminal.ts';

/** `url`: where the API is; null: it is gone when this is read. */
export function incidentLines(incidents: readonly ServedIncident[], url: string | null, style: Style): readonly string[] {
  return incidents.flatMap((incident) => [
    ...wrap(safe(`${incident.count.toLocaleString('en')} × ${titleOf(incident)}`), style.columns, '      ', ''),
    ...(incident.wayOut === null ? [] : wrap(safe(showVerdict(incident.wayOut)), style.columns, '      ')),
    style.palette.dim(`      ${url === null ? incident.id : urlOf(incident, url)}`),
  ]);
}

function urlOf({ id }: ServedIncident, url: string): string {
  return `${url}/api/v1/incidents/${id}`;
}

function titleOf({ kind, workload, namespace, server, route }: ServedIncident): string {
  const on = [server, route].flatMap((ref) => (ref === null ? [] : [ref.name])).join(' / ');
  const where = workload === null ? (namespace ?? 'nowhere') : `${workload.kind} ${workload.name}`;
  return `${kind ?? 'alert'}  ${where}${on === '' ? '' : `  ${on}`}`;
}

/** What to try while the service is there. */
export function apiLines([first]: readonly ServedIncident[], url: string, style: Style): readonly string[] {
  const calls = [
    { what: 'all incidents', command: `curl -s ${url}/api/v1/incidents` },
    ...(first === undefined ? [] : [{ what: 'the first of them, explained, with its clients', command: `curl -s ${urlOf(first, url)}` }]),
    { what: 'every change of them, as it comes', command: `curl -N -H 'Accept: text/event-stream' ${url}/api/v1/events` },
  ];
  return [
    ...calls.flatMap(({ what, command }) => ['', style.palette.dim(`# ${what}`), command]),
    '',
    ...wrap(`The service listens on ${url} and keeps this until Ctrl-C.`, style.columns).map(style.palette.bold),
  ];
}
