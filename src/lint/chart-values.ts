/** Values of Linkerd's charts, wherever they are written: a values file, ConfigMap linkerd-config, a HelmRelease, an Argo Application, a HelmChart. */
import { parse } from 'yaml';
import type { Path } from '../manifests/document.ts';
import { CHARTS, type Chart, chartOf, HELM_VALUES } from '../manifests/helm-values.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { type Fields, itemsAt, textAt, valueAt } from './objects.ts';

export interface ChartValues {
  readonly object: Resource;
  readonly chart: Chart;
  readonly values: Fields;
  /** Of the values in the object. */
  readonly at: Path;
  /** False: they are a text inside of it, and single keys have no place. */
  readonly isLocated: boolean;
}

export function chartValuesIn(resources: readonly Resource[]): readonly ChartValues[] {
  return resources.flatMap((object) => {
    switch (`${groupOf(object.apiVersion)}/${object.kind}`) {
      case '/ConfigMap':
        return object.metadata.name === 'linkerd-config' ? inText(object, ['data', 'values'], 'linkerd-control-plane') : [];
      case `${groupOf(HELM_VALUES.apiVersion)}/${HELM_VALUES.kind}`:
        return inFile(object);
      case 'helm.toolkit.fluxcd.io/HelmRelease':
        return inPlace(object, ['spec', 'values'], textAt(object, 'spec', 'chart', 'spec', 'chart'));
      case 'argoproj.io/Application':
        return inSources(object);
      case 'helm.cattle.io/HelmChart':
        return inText(object, ['spec', 'valuesContent'], named(textAt(object, 'spec', 'chart')));
      default:
        return [];
    }
  });
}

/** A file of one chart, or of one that holds Linkerd's as parts of its own. */
function inFile(object: Resource): readonly ChartValues[] {
  const parts = CHARTS.flatMap((chart) => {
    const values = valueAt(object.data, [chart]);
    return isObject(values) ? [{ object, chart, values, at: [chart], isLocated: true }] : [];
  });
  const chart = chartOf(object.data);
  return chart === null || !isObject(object.data) ? parts : [...parts, { object, chart, values: object.data, at: [], isLocated: true }];
}

function inSources(object: Resource): readonly ChartValues[] {
  const sources: readonly Path[] = [['spec', 'source'], ...itemsAt(object, 'spec', 'sources').map(([i]) => ['spec', 'sources', i])];
  return sources.flatMap((source) => {
    const chart = textAt(object, ...source, 'chart');
    return [
      ...inPlace(object, [...source, 'helm', 'valuesObject'], chart),
      ...inText(object, [...source, 'helm', 'values'], named(chart)),
      ...itemsAt(object, ...source, 'helm', 'parameters').flatMap(([i, parameter]) =>
        inParameter(object, [...source, 'helm', 'parameters', i], parameter, named(chart)),
      ),
    ];
  });
}

/** `name: proxy.defaultInboundPolicy`, as `--set` has it. */
function inParameter(object: Resource, at: Path, { name, value }: Fields, chart: Chart | null): readonly ChartValues[] {
  if (typeof name !== 'string' || chart === null || name.includes('[')) return [];
  const values = name.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return isObject(values) ? [{ object, chart, values, at: [...at, 'name'], isLocated: false }] : [];
}

function inPlace(object: Resource, at: Path, chart: string | null): readonly ChartValues[] {
  const values = valueAt(object, at);
  const found = named(chart);
  return found === null || !isObject(values) ? [] : [{ object, chart: found, values, at, isLocated: true }];
}

function inText(object: Resource, at: Path, chart: Chart | null): readonly ChartValues[] {
  const text = textAt(object, ...at);
  const values = chart === null || text === null ? null : parsed(text);
  return chart === null || !isObject(values) ? [] : [{ object, chart, values, at, isLocated: false }];
}

/** `linkerd/linkerd-control-plane` is the same chart, from a repository by that name. */
function named(chart: string | null): Chart | null {
  return CHARTS.find((known) => known === chart?.slice(chart.lastIndexOf('/') + 1)) ?? null;
}

function parsed(text: string): unknown {
  try {
    return parse(text, { schema: 'core', logLevel: 'silent', maxAliasCount: 100 });
  } catch {
    return null;
  }
}
