/** Whatever of the chain is killed or held on the way: it is one incident, and every denial is in it once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertmanagerSkip, ended } from '../alertmanager.ts';
import { prometheusSkip, waitFor } from '../prometheus.ts';
import { redisSkip } from '../redis.ts';
import { type AlarmChain, startChain } from './alarm-chain.ts';

/** After a SIGKILL: the lease of the one that led (25 s), and the lock of the job that it was at (30 s). */
const TAKEN_OVER = 120_000;
const SOON = 60_000;
/** One after the other; the chains run beside each other, as they mostly wait. */
const STEP = { timeout: 400_000, concurrent: false };
/** Every kill may come after the explanation; so many in a row do not. */
const MOST_KILLS = 20;

const missing = prometheusSkip ?? alertmanagerSkip;

describe.concurrent.each([
  ['sqlite', missing],
  ['redis', missing ?? redisSkip],
] as const)('the alarm chain on %s', (driver, why) => {
  describe.skipIf(why !== null)(why === null ? 'survives' : `(${why})`, () => {
    let chain: AlarmChain;
    beforeAll(async () => {
      chain = await startChain(driver);
    }, 180_000);
    afterAll(() => chain?.stop(), 60_000);

    const comes = async (isSo: () => boolean | Promise<boolean>, milliseconds = SOON) =>
      expect(await waitFor(async () => isSo(), milliseconds)).toBe(true);
    /** One incident of this Server, explained, with so many denials. */
    const expectHolds = async (server: string, count: number, milliseconds = SOON) => {
      const seen = async () => (await chain.about(server)).map(({ counted, answer }) => [counted.metrics, answer !== null]);
      await waitFor(async () => String(await seen()) === String([[count, true]]), milliseconds);
      expect(await seen()).toEqual([[count, true]]);
    };
    const isExplained = (server: string) => async () => String(await chain.explained(server)) === '1,1';
    const hasAlert = (server: string) => async () => (await chain.about(server))[0]?.alerts.length === 1;
    /** With more scrapes and polls nothing more is counted. */
    const expectStill = async (server: string, count: number) => {
      for (let i = 0; i < 3; i++) {
        const before = (await chain.source())?.at ?? '';
        await comes(async () => ((await chain.source())?.at ?? '') > before);
      }
      await expectHolds(server, count, 0);
    };

    it('a first denial: the rule fires, denywhy is called, and both Alertmanagers hold the answer', STEP, async () => {
      chain.deny('first', 'web', 1);
      await expectHolds('first', 1);
      await comes(hasAlert('first'));
      await comes(isExplained('first'));
      await comes(() => chain.notified('first', 'DenywhyExplained', 'firing'));
      expect(chain.notified('first', 'LinkerdRequestsDenied', 'firing')).toBe(true);
    });

    it('one Alertmanager that is killed and comes back', STEP, async () => {
      const [first] = chain.pair.peers;
      if (first !== undefined) await ended(first.process);
      chain.deny('peer-killed', 'web', 2);
      await expectHolds('peer-killed', 2);
      await comes(hasAlert('peer-killed'));
      await first?.startAgain();
      chain.deny('peer-killed', 'batch', 1);
      await expectHolds('peer-killed', 3);
      await comes(isExplained('peer-killed'));
    });

    it('one Alertmanager that is held, and then goes on with what it knew', STEP, async () => {
      const [, second] = chain.pair.peers;
      second?.process.kill('SIGSTOP');
      chain.deny('peer-held', 'web', 1);
      await expectHolds('peer-held', 1);
      await comes(() => chain.notified('peer-held', 'LinkerdRequestsDenied', 'firing'));
      second?.process.kill('SIGCONT');
      chain.deny('peer-held', 'web', 4);
      await expectHolds('peer-held', 5);
      await comes(isExplained('peer-held'));
    });

    it('denywhy killed while Alertmanager calls it, and again between a webhook and its explanation', STEP, async () => {
      chain.deny('called', 'web', 3);
      await comes(() => chain.notified('called', 'LinkerdRequestsDenied', 'firing'));
      await chain.kill();
      chain.deny('called', 'batch', 1);
      await chain.begin();
      const sent: string[] = [];
      let isBetween = false;
      while (!isBetween && sent.length < MOST_KILLS) {
        const server = `between-${sent.length}`;
        sent.push(server);
        const status = await chain.alert(server);
        await chain.kill();
        expect(status).toBe(200);
        const kept = await chain.stored(server);
        expect(kept).toHaveLength(1);
        isBetween = kept[0]?.answer === null;
        await chain.begin();
      }
      expect(isBetween).toBe(true);
      await expectHolds('called', 4, TAKEN_OVER);
      await comes(isExplained('called'), TAKEN_OVER);
      for (const server of sent) {
        await comes(async () => (await chain.about(server))[0]?.answer !== null, TAKEN_OVER);
        expect(await chain.about(server)).toHaveLength(1);
      }
    });

    it('the end: an incident is resolved after its alert is, and people are told', STEP, async () => {
      await comes(async () => (await chain.about('first'))[0]?.state === 'resolved', 2 * TAKEN_OVER);
      await comes(() => chain.notified('first', 'DenywhyExplained', 'resolved'));
    });

    it('Prometheus restarted on its data, and what was denied meanwhile', STEP, async () => {
      chain.deny('restarted', 'web', 1);
      await expectHolds('restarted', 1, TAKEN_OVER);
      await chain.prometheus.kill();
      chain.deny('restarted', 'web', 2);
      chain.deny('restarted', 'batch', 1);
      await comes(async () => (await chain.source())?.state === 'failing');
      await chain.prometheus.startAgain();
      await expectHolds('restarted', 4, TAKEN_OVER);
      await expectStill('restarted', 4);
    });

    it('Prometheus restarted without its data: nothing that was counted counts again, and what is new does', STEP, async () => {
      await chain.prometheus.kill();
      chain.deny('restarted', 'night', 1);
      await chain.prometheus.startAgain(true);
      await expectHolds('restarted', 5, TAKEN_OVER);
      await expectStill('restarted', 5);
    });

    it('all of it: each incident once, and every denial in it', STEP, async () => {
      const denied = (await chain.incidents()).filter(({ kind }) => kind === 'http-denied');
      const counts = denied.map(({ server, counted }) => `${server?.name} ${counted.metrics}`).toSorted();
      expect(counts).toEqual(['called 4', 'first 1', 'peer-held 5', 'peer-killed 3', 'restarted 5']);
    });
  });
});
