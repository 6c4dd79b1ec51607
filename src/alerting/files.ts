/** The whole pack as files: what is committed in `rules/`, and what a team keeps of its own. */
import { alertTests } from './alert-tests.ts';
import { dashboard } from './dashboard.ts';
import { firstDenialTests } from './first-denial-tests.ts';
import { type RuleMetadata, ruleFile, ruleManifest } from './manifest.ts';
import { ALERTS, rulePack } from './pack.ts';
import { runbookPage } from './runbook.ts';
import type { Settings } from './settings.ts';
import { tuningSchema } from './tuning.ts';
import { clockOf, type UnitTest, type UnitTestFile } from './unit-test.ts';
import { written } from './written.ts';

/** Text by path. Errors: InvalidInput (too large). */
export function packFiles(settings: Settings, metadata: RuleMetadata): ReadonlyMap<string, string> {
  const { groups } = rulePack(settings);
  return new Map([
    ['prometheusrule.yaml', ruleManifest(groups, metadata)],
    ['rules.yaml', ruleFile(groups)],
    ['tests/first-denial.yaml', written(testFile(firstDenialTests(settings), '../rules.yaml', settings))],
    ['tests/alerts.yaml', written(testFile(alertTests(settings), '../rules.yaml', settings))],
    ['dashboard.json', json(dashboard(settings))],
    ['tuning.schema.json', json(tuningSchema())],
    ...ALERTS.map((alert): [string, string] => [`runbooks/${alert.name}.md`, runbookPage(alert)]),
  ]);
}

/** All unit tests in one file, for rules that lie beside it. */
export function allTests(settings: Settings): string {
  return written(testFile([...firstDenialTests(settings), ...alertTests(settings)], 'rules.yaml', settings));
}

function testFile(tests: readonly UnitTest[], rules: string, settings: Settings): UnitTestFile {
  return { rule_files: [rules], evaluation_interval: clockOf(settings).at(1), tests };
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
