/** A Grafana dashboard over the recording rules (grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model). */
import { ALERT_LABEL, LABEL } from '../evidence/conventions.ts';
import { keyLabels } from './key-labels.ts';
import { assertPromql, isAnyOf, type Matcher, type Promql, sumBy } from './promql.ts';
import { levelOf, type RecordingId, ratio, recorded } from './recordings.ts';
import type { Settings } from './settings.ts';

const WIDTH = 24;
const HEIGHT = 8;

interface PanelSpec {
  readonly title: string;
  readonly description: string;
  readonly expr: Promql;
  readonly legend: string;
  readonly unit: 'short' | 'percentunit';
}

/** The dashboard as Grafana imports it; the data source is asked for. */
export function dashboard(settings: Settings): object {
  const panels = specs(settings).map((spec, i) => panel(spec, i));
  return {
    title: 'Linkerd denials',
    uid: 'denywhy-denials',
    tags: ['linkerd', 'denywhy'],
    schemaVersion: 39,
    editable: true,
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        ...(settings.clusterLabel === null ? [] : [variable(LABEL.cluster, 'Cluster', settings)]),
        variable(LABEL.namespace, 'Namespace', settings),
      ],
    },
    panels,
  };
}

function variable(label: string, title: string, settings: Settings): object {
  return {
    name: label,
    label: title,
    type: 'query',
    datasource: SOURCE,
    query: { query: `label_values(${recorded('httpAllow', settings)}, ${label})`, refId: 'values' },
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  };
}

const SOURCE = { type: 'prometheus', uid: '$datasource' } as const;

function specs(settings: Settings): readonly PanelSpec[] {
  const chosen: readonly Matcher[] = [
    ...(settings.clusterLabel === null ? [] : [isAnyOf(LABEL.cluster, '$cluster')]),
    isAnyOf(LABEL.namespace, '$namespace'),
  ];
  const byServer = [LABEL.namespace, ALERT_LABEL.workloadName, LABEL.serverName];
  const byRoute = [...byServer, LABEL.routeName];
  const of = (id: RecordingId) => recorded(id, settings, chosen);
  const where = '{{namespace}}/{{workload_name}} {{srv_name}}';
  const count = (title: string, id: RecordingId, description: string): PanelSpec => {
    const isRouted = levelOf(id) === 'namespace_workload_server_route';
    const labels = levelOf(id) === 'namespace_workload' ? [LABEL.namespace, ALERT_LABEL.workloadName] : isRouted ? byRoute : byServer;
    return { title, description, expr: sumBy(labels, of(id)), legend: isRouted ? `${where} {{route_name}}` : where, unit: 'short' };
  };
  const on = keyLabels(settings, levelOf('httpDeny'));
  return [
    count('Requests denied', 'httpDeny', 'Within the window of the rules, the first denial of each client included.'),
    count('Connections denied', 'tcpDeny', 'Connections that are no HTTP to the proxy.'),
    {
      title: 'Share of requests denied',
      description: 'Of all that came to a route; the admin port is left out.',
      expr: ratio(sumBy(on, of('httpDeny')), of('httpAllow'), on),
      legend: `${where} {{route_name}}`,
      unit: 'percentunit',
    },
    count('Requests without a route', 'routeNotFound', 'Answered with 404 by the proxy.'),
    count('Connections terminated', 'tcpTerminate', 'Open connections that a change of policy closed.'),
    count('Requests over a rate limit', 'rateLimited', 'Answered with 429 by the proxy.'),
    count('Requests by audit alone', 'httpAudit', 'What deny would refuse.'),
    count('Connections failed before policy', 'tcpErrors', 'Often the protocol of a Server.'),
  ];
}

function panel({ title, description, expr, legend, unit }: PanelSpec, index: number): object {
  // Grafana puts the variables in before Prometheus sees them; as text within quotes they parse.
  assertPromql(expr);
  const width = WIDTH / 2;
  return {
    id: index + 1,
    type: 'timeseries',
    title,
    description,
    datasource: SOURCE,
    gridPos: { x: (index % 2) * width, y: Math.floor(index / 2) * HEIGHT, w: width, h: HEIGHT },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: [{ refId: 'A', datasource: SOURCE, expr, legendFormat: legend }],
  };
}
