/** Several senders at a time that keep at it: what was not acknowledged is sent again, and a share of what was. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, Sent } from './ledger.ts';
import type { PlannedBatch } from './plan.ts';
import type { Sender } from './sender.ts';

const LANES = 8;

export interface Traffic {
  /** Sends planned batches, and what is left of earlier ones, until `isOver` says so; `onAnswer` is called with every answer of the service. */
  run(planned: readonly PlannedBatch[], isOver: () => boolean, onAnswer?: () => void): Promise<void>;
  /** Sends what is left, until all of it is acknowledged. */
  drain(planned: readonly PlannedBatch[]): Promise<void>;
}

export function createTraffic(sender: Sender, ledger: Ledger): Traffic {
  const again: Sent[] = [];
  /** A target is scraped by one at a time, and a page is not sent again after a later one: nothing in it would say which is the older. */
  const busy = new Set<number>();
  const latest = new Map<number, Sent>();

  const isFree = ({ kind, workload }: PlannedBatch) => kind !== 'metrics' || !busy.has(workload);

  function next(planned: PlannedBatch[]): Sent | null {
    const at = again.findIndex(({ batch }) => isFree(batch));
    if (at >= 0) return again.splice(at, 1)[0] ?? null;
    const found = planned.findIndex((batch) => isFree(batch) && !hasOlder(batch));
    const [batch] = found < 0 ? [] : planned.splice(found, 1);
    if (batch === undefined) return null;
    const sent = ledger.add(batch);
    if (batch.kind === 'metrics') latest.set(batch.workload, sent);
    return sent;
  }

  function hasOlder({ kind, workload }: PlannedBatch): boolean {
    return kind === 'metrics' && again.some(({ batch }) => batch.kind === 'metrics' && batch.workload === workload);
  }

  function mayRepeat(sent: Sent): boolean {
    const { kind, hasKey, workload } = sent.batch;
    return kind !== 'metrics' || hasKey || latest.get(workload) === sent;
  }

  async function sendOne(sent: Sent, onAnswer: () => void): Promise<void> {
    const { batch } = sent;
    const isRepeat = sent.isAcknowledged;
    if (isRepeat && !mayRepeat(sent)) return;
    if (batch.kind === 'metrics') busy.add(batch.workload);
    const outcome = await sender.send(sent.request).finally(() => busy.delete(batch.workload));
    if (outcome === 'accepted' || outcome === 'refused') onAnswer();
    if (outcome === 'accepted') {
      sent.isAcknowledged = true;
      if (batch.isRepeated && !isRepeat) again.push(sent);
    } else if (outcome === 'absent') {
      again.push(sent);
      await sleep(15);
    } else if (!isRepeat && !batch.isAbandoned) {
      again.push(sent);
      await sleep(5);
    }
  }

  async function lane(planned: PlannedBatch[], isOver: () => boolean, onAnswer: () => void): Promise<void> {
    while (!isOver()) {
      const sent = next(planned);
      if (sent === null) await sleep(3);
      else await sendOne(sent, onAnswer);
    }
  }

  async function run(planned: readonly PlannedBatch[], isOver: () => boolean, onAnswer: () => void = () => {}): Promise<void> {
    const left = [...planned];
    await Promise.all(Array.from({ length: LANES }, () => lane(left, isOver, onAnswer)));
  }

  return {
    run,
    async drain(planned) {
      const left = [...planned];
      let atWork = 0;
      const work = async () => {
        for (let sent = next(left); sent !== null || left.length + again.length + atWork > 0; sent = next(left)) {
          if (sent === null) {
            await sleep(3);
            continue;
          }
          atWork++;
          await sendOne(sent, () => {}).finally(() => atWork--);
        }
      };
      await Promise.all(Array.from({ length: LANES }, work));
    },
  };
}
