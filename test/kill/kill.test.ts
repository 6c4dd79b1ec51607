import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../ports.ts';
import { redisSkip } from '../redis.ts';
import { startService } from '../service.ts';
import { check } from './check.ts';
import { createLedger, firstPageOf, namingLogOf } from './ledger.ts';
import { type PlannedBatch, planOf } from './plan.ts';
import { runKills } from './run.ts';
import { createSender } from './sender.ts';

const isCi = process.env['CI'] === 'true';
const POINTS = isCi ? 25 : 5;
const TIMEOUT = 600_000;
const right = { lost: 0, doubled: 0, faults: [] };

describe('a service that is killed while it takes in alerts, logs and counters', () => {
  it('on SQLite has every batch that it acknowledged in its incident, once', { timeout: TIMEOUT }, async () => {
    const result = await runKills({ driver: 'sqlite', points: POINTS, seed: 1, victims: ['service'] });
    expect(result).toMatchObject({ points: POINTS, found: result.accepted, ...right });
    expect(result.accepted).toBeGreaterThan(10 * POINTS);
  });

  it.skipIf(redisSkip !== null)(
    `on Redis, which is killed too, has every batch that it acknowledged in its incident, once${redisSkip === null ? '' : ` (${redisSkip})`}`,
    { timeout: TIMEOUT },
    async () => {
      const result = await runKills({ driver: 'redis', points: POINTS, seed: 1, victims: ['service', 'service', 'redis'] });
      expect(result).toMatchObject({ points: POINTS, found: result.accepted, ...right });
      expect(result.accepted).toBeGreaterThan(10 * POINTS);
    },
  );
});

describe('the plan', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planOf(7, 20, ['service', 'redis'])).toEqual(planOf(7, 20, ['service', 'redis']));
    expect(planOf(8, 20, ['service', 'redis'])).not.toEqual(planOf(7, 20, ['service', 'redis']));
  });
});

describe('the comparison', () => {
  const batch = (id: number, more: Partial<PlannedBatch>): PlannedBatch => ({ ...namingLogOf(0, id), ...more });

  it('notices what is missing, what counts twice, and an alert that fires on', { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'denywhy-check-'));
    const service = startService({ port: await freePort(), directory, env: { DENYWHY_STORE_DIRECTORY: directory } });
    const sender = createSender(service.url);
    const ledger = createLedger();
    try {
      await service.ready();
      expect(await sender.send(firstPageOf(0))).toBe('accepted');
      const accept = async (planned: PlannedBatch) => {
        const sent = ledger.add(planned);
        expect(await sender.send(sent.request)).toBe('accepted');
        sent.isAcknowledged = true;
        return sent;
      };
      const log = await accept(batch(1, { own: 2, shared: 3 }));
      await accept(batch(2, { kind: 'metrics', own: 4, shared: 1 }));
      const alert = await accept(batch(3, { kind: 'alerts' }));
      expect(await sender.send(log.request)).toBe('accepted');
      expect(await check(service.url, ledger.sent)).toEqual({ accepted: 3, found: 3, ...right });

      expect(await sender.send({ ...log.request, headers: { ...log.request.headers, 'Idempotency-Key': 'another' } })).toBe('accepted');
      expect(await check(service.url, ledger.sent)).toMatchObject({
        accepted: 3,
        found: 2,
        lost: 0,
        doubled: 2,
        faults: ['doubled: batch 1 (logs of w0): 4 instead of 2', 'doubled: logs of the shared client of w0: 6 instead of 3'],
      });

      for (const kind of ['logs', 'metrics', 'alerts'] as const) ledger.add(batch(kind.length + 10, { kind })).isAcknowledged = true;
      ledger.add(batch(20, { kind: 'alerts', resolves: true })).isAcknowledged = true;
      const verdict = await check(service.url, ledger.sent);
      expect(verdict).toMatchObject({ accepted: 7, lost: 4 });
      expect(verdict.faults.filter((fault) => fault.startsWith('lost'))).toEqual([
        'lost: batch 14 (logs of w0): 0 instead of 1',
        'lost: batch 17 (metrics of w0): 0 instead of 1',
        'lost: batch 16 (alerts of w0): 0 instead of 1',
        'lost: batch 20 (alerts of w0): 0 instead of 1',
      ]);
      expect(alert.isAcknowledged).toBe(true);
    } finally {
      sender.close();
      await service.kill();
      rmSync(directory, { recursive: true });
    }
  });
});
