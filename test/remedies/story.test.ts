/** The recorded story: what each of its clients is told, in the middle of it and at its end. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../commands/explain-run.ts';

const DEMO = join(import.meta.dirname, '../../demo');
const logs = readdirSync(join(DEMO, 'logs'))
  .filter((name) => /^(?:backend|database)-/.test(name))
  .map((name) => join(DEMO, 'logs', name));
const ARGS = ['-n', 'production', '--cluster', join(DEMO, 'policy-history.jsonl'), '--logs', ...logs];

interface Told {
  readonly clients: readonly {
    readonly client: { readonly workload: { readonly namespace: string; readonly name: string } | null };
    readonly targets: readonly {
      readonly wayOut: {
        readonly verdict: string;
        readonly remedies: readonly { readonly id: string; readonly changes: readonly unknown[] }[];
      };
    }[];
  }[];
}

/** Of each client its verdicts, and what comes first. */
async function told(...more: readonly string[]) {
  const { stdout } = await run([...ARGS, ...more, '-o', 'json']);
  const { clients } = JSON.parse(stdout) as Told;
  return Object.fromEntries(
    clients.map(({ client, targets }) => [
      `${client.workload?.namespace}/${client.workload?.name}`,
      [...new Set(targets.map(({ wayOut: { verdict, remedies } }) => [verdict, ...remedies.slice(0, 1).map(({ id }) => id)].join(' ')))],
    ]),
  );
}

describe('the story', () => {
  it('at 09:28:00: the slip is repaired, the scanner stays out, the reports pod gets its own ServiceAccount', async () => {
    expect(await told('--at', '09:28:00')).toMatchObject({
      'production/frontend': ['fix repair-identity'],
      'security/scanner': ['do-not-allow'],
      'production/reports': ['decide own-service-account'],
    });
  });

  it('at its end the frontend needs nothing', async () => {
    expect(await told()).toMatchObject({ 'production/frontend': ['nothing-to-do'] });
  });

  it('the repair is one line', async () => {
    const { stdout } = await run([...ARGS, '--at', '09:28:00', '--remedy', '1', '-o', 'diff']);
    await expect(stdout).toMatchFileSnapshot('golden/story-repair.diff');
    expect(stdout.match(/^[-+](?![-+])/gm)).toEqual(['-', '+']);
  });

  it('no grant for the scanner is offered, unless it is forced, and then why it was withheld stands beside it', async () => {
    const asked = async (...more: readonly string[]) => {
      const { stdout } = await run([...ARGS, '--at', '09:28:00', ...more]);
      return stdout.split(/^(?=\d of \d )/m).find((block) => block.includes('security/scanner')) ?? '';
    };
    const withheld = await asked();
    expect(withheld).toContain('DO NOT ALLOW');
    expect(withheld).not.toContain('--remedy');
    const forced = await asked('--force-grant');
    expect(forced).toMatch(/Withheld without\s+--force-grant/);
    expect(forced).toContain('--remedy');
  });
});
