/** A played recording as data: what was played, and the answer in the shape of explain's. docs/demo.md documents the shape. */
import type { Instant } from '../policy/resource.ts';
import { showInstant } from '../policy/time.ts';
import { alertsOf } from './demo-alerts.ts';
import type { ShownDemo } from './demo-text.ts';
import { dataOf, showJson } from './explain-data.ts';

/** JSON, a value and a line feed. */
export function showDemoData({ recording, played, answer, incidents }: ShownDemo): string {
  const { lines, samples, webhooks, changes } = played.counts;
  const { form: _, ...data } = dataOf(answer);
  return showJson({
    form: 'denywhy.demo/1',
    recording: { directory: recording.directory, from: time(played.from), to: time(played.to), lines, samples, webhooks, changes },
    ...data,
    clients: data.clients.map((client, i) => ({
      ...client,
      alerts: alertsOf(answer.explanation, i).map(({ name, from, to }) => ({ name, from: time(from), to: time(to) })),
    })),
    incidents: incidents.map(({ id, namespace, workload, kind, server, route, count, counted }) => {
      return { id, namespace, workload, kind, server, route, count, counted };
    }),
  });
}

function time(at: Instant | null): string | null {
  return at === null ? null : showInstant(at);
}
