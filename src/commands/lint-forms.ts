/** Findings as programs read them: JSON, SARIF 2.1.0, and the annotations of GitHub's workflows. */
import type { Severity } from '../lint/finding.ts';
import { RULES } from '../lint/index.ts';
import type { PlacedFinding } from '../lint/lint.ts';
import { refOf, showRef } from '../policy/resource.ts';
import { safe } from './terminal.ts';

export interface Counts {
  readonly all: number;
  readonly errors: number;
  readonly warnings: number;
  readonly infos: number;
  readonly suppressed: number;
  readonly fixable: number;
}

/** Suppressed ones count as such alone. */
export function countsOf(findings: readonly PlacedFinding[]): Counts {
  const open = findings.filter(({ suppressed }) => suppressed === null);
  const of = (severity: Severity) => open.filter((finding) => finding.severity === severity).length;
  return {
    all: open.length,
    errors: of('error'),
    warnings: of('warning'),
    infos: of('info'),
    suppressed: findings.length - open.length,
    fixable: open.filter(({ edits }) => edits.length > 0).length,
  };
}

const pageOf = (code: string) => `docs/lint/${code}.md`;

export function lintData(findings: readonly PlacedFinding[]) {
  const { all: _all, ...counts } = countsOf(findings);
  return { ...counts, findings: findings.map(findingData) };
}

function findingData({ code, severity, object, place, path, problem, effect, right, edits, suppressed }: PlacedFinding) {
  const { namespace, name } = object.metadata;
  return {
    code,
    severity,
    object: { apiVersion: object.apiVersion, kind: object.kind, namespace, name },
    file: place.file ?? null,
    line: place.line ?? null,
    column: place.column ?? null,
    path: path.join('.'),
    problem,
    effect,
    right,
    fixable: edits.length > 0,
    page: pageOf(code),
    suppressed,
  };
}

const LEVEL = { error: 'error', warning: 'warning', info: 'note' } as const;

/** https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
export function sarifOf(findings: readonly PlacedFinding[]) {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'denywhy',
            rules: RULES.map(({ code, title }) => ({ id: code, shortDescription: { text: title }, help: { text: pageOf(code) } })),
          },
        },
        results: findings.map((finding) => ({
          ruleId: finding.code,
          level: LEVEL[finding.severity],
          message: { text: messageOf(finding) },
          locations: locationsOf(finding),
          ...(finding.suppressed === null ? {} : { suppressions: [{ kind: 'inSource', justification: finding.suppressed }] }),
        })),
      },
    ],
  };
}

function locationsOf({ place, object }: PlacedFinding) {
  const logicalLocations = [{ fullyQualifiedName: showRef(refOf(object)), kind: 'object' }];
  if (place.file === undefined) return [{ logicalLocations }];
  const region = place.line === undefined ? {} : { region: { startLine: place.line, startColumn: place.column ?? 1 } };
  const uri = place.file.split('/').map(encodeURIComponent).join('/');
  return [{ physicalLocation: { artifactLocation: { uri }, ...region }, logicalLocations }];
}

function messageOf({ object, problem, effect, right }: PlacedFinding): string {
  return [`${showRef(refOf(object))}: ${problem}`, effect, right === '' ? '' : `Right: ${right}`].filter((part) => part !== '').join(' ');
}

const COMMAND = { error: 'error', warning: 'warning', info: 'notice' } as const;

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions: one line each; what would end it is escaped. */
export function showGithub(findings: readonly PlacedFinding[]): string {
  return findings
    .filter(({ suppressed }) => suppressed === null)
    .map((finding) => {
      const { place, severity, code } = finding;
      const properties = [
        ...(place.file === undefined ? [] : [`file=${property(place.file)}`]),
        ...(place.line === undefined ? [] : [`line=${place.line}`, `col=${place.column ?? 1}`]),
        `title=${property(code)}`,
      ];
      return `::${COMMAND[severity]} ${properties.join(',')}::${data(messageOf(finding))}\n`;
    })
    .join('');
}

function data(text: string): string {
  return safe(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
