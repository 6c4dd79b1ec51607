import { describe, expect, it } from 'vitest';
import { dashboard } from '../../src/alerting/dashboard.ts';
import { ALERTS, rulePack } from '../../src/alerting/pack.ts';
import { assertPromql } from '../../src/alerting/promql.ts';
import { runbookPage } from '../../src/alerting/runbook.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { run } from '../run-command.ts';

describe.each(ALERTS.map((alert) => [alert.name, runbookPage(alert)] as const))('the page of %s', (name, page) => {
  it('has the four headings in their order, each with something under it', () => {
    expect(page.startsWith(`# ${name}\n`)).toBe(true);
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual(['Meaning', 'Impact', 'Diagnosis', 'Mitigation']);
    for (const part of page.split(/^## .*$/m).slice(1)) expect(part.trim().length).toBeGreaterThan(20);
  });

  it('ends in a denywhy command that exists', async () => {
    const [, command = ''] = /```\n([^`]*)\n```\n$/.exec(page) ?? [];
    const words = command.replace(/\\\n/g, ' ').split('denywhy ').at(-1)?.trim().split(/\s+/) ?? [];
    const { exitCode, stdout: help } = await run([words[0] ?? '', '--help']);
    expect(exitCode, command).toBe(0);
    for (const option of words.filter((word) => word.startsWith('-'))) expect(help).toContain(option);
  });
});

describe('the dashboard', () => {
  const { panels, templating, ...rest } = dashboard(DEFAULTS) as {
    readonly panels: readonly {
      readonly id: number;
      readonly gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
      readonly targets: readonly { readonly expr: string }[];
    }[];
    readonly templating: { readonly list: readonly { readonly name: string }[] };
  };

  it('has a title, a uid and variables for data source and namespace', () => {
    expect(rest).toMatchObject({ title: 'Linkerd denials', uid: 'denywhy-denials' });
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'namespace']);
    const clustered = dashboard({ ...DEFAULTS, clusterLabel: 'site' }) as { readonly templating: typeof templating };
    expect(clustered.templating.list.map(({ name }) => name)).toEqual(['datasource', 'cluster', 'namespace']);
  });

  it('asks only for series that the rules record', () => {
    const records = rulePack(DEFAULTS).groups.flatMap(({ rules }) => rules.flatMap((rule) => ('record' in rule ? [rule.record] : [])));
    for (const { targets } of panels)
      for (const { expr } of targets) {
        assertPromql(expr);
        const asked = expr.match(/[a-z_]+:[a-z_]+:[a-z0-9]+/g) ?? [];
        expect(asked.length).toBeGreaterThan(0);
        for (const record of asked) expect(records).toContain(record);
      }
  });

  it('shows its panels beside each other, none over another', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const [i, { gridPos: a }] of panels.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const { gridPos: b } of panels.slice(i + 1))
        expect(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y).toBe(true);
    }
  });
});
