/** No cause at all: what looks like a denial is an audit or a counter of former times, or nobody was refused anything. */
import { isRefusal } from '../evidence/facts.ts';
import { isLetIn } from '../evidence/would-have.ts';
import { showServerRef } from '../policy/wording.ts';
import type { Denied, Diagnosis, Draft, PlacedSymptom, Standing } from './diagnosis.ts';
import { drafted, stated } from './drafting.ts';

export const nothingWrong: Diagnosis = {
  id: 'nothing-wrong',
  title: 'nothing is wrong',
  denied(denied) {
    if (denied.target.kind === 'audit-allowed') return byAudit(denied);
    return isOfFormerTimes(denied) ? byOldCounter(denied) : null;
  },
  standing(standing, found) {
    return found.length === 0 && isCalm(standing) ? [calm(standing)] : [];
  },
};

function byAudit(denied: Denied): Draft {
  return drafted(denied, {
    certainty: 'certain',
    removal: 'unknown',
    todo: 'Nobody was refused. Before audit is replaced by deny, authorize those whom it names and who are to go on.',
    remedies: ['authorize-on-route', 'authorize-on-server'],
  });
}

/** A series lives as long as its proxy, also where the Server that it names is gone. */
function isOfFormerTimes({ client: { count, before }, law, target }: Denied): boolean {
  return count === 0 && before > 0 && law !== null && !law.agrees && isRefusal(target.kind) && isLetIn(law.evaluation.verdict);
}

function byOldCounter(denied: Denied): Draft {
  const { server } = denied.target;
  const of = server === null ? 'of denials' : `of ${showServerRef(server)}`;
  return drafted(denied, {
    certainty: 'possible',
    removal: 'unknown',
    summary: `The counter ${of} did not rise while it was read, and these objects let the client in: its denials are of former times.`,
    required: [],
    observed: '',
    note: '',
    todo: 'Nothing, unless the counter rises again: a series goes when its proxy is restarted.',
    remedies: [],
  });
}

function isCalm({ refused, seen }: Standing): boolean {
  return refused.length === 0 && seen.symptoms.every(isStart) && requestsLetIn(seen) > 0;
}

/** A probe that came before the application listened: every pod begins like that. */
function isStart({ symptom: { kind, count, detail, sample } }: PlacedSymptom): boolean {
  return kind === 'request-failed' && count === 1 && detail === 'client error (Connect)' && sample.request?.path != null;
}

function requestsLetIn({ observations }: Standing['seen']): number {
  return observations.reduce((sum, { count }) => sum + count, 0);
}

function calm({ snapshot, seen }: Standing): Draft {
  const count = requestsLetIn(seen);
  const requests = count === 1 ? '1 request or connection was' : `${count.toLocaleString('en')} requests and connections were`;
  const summary = `Nothing was refused in what was read, and nothing complained: ${requests} let in.`;
  return { ...stated(snapshot, { summary, todo: 'Nothing.', remedies: [] }, []), certainty: 'likely' };
}
