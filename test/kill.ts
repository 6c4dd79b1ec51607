/**
 * `npm run kill -- --driver sqlite|redis --points N --seed S [--victim service|redis|both]`: the service is killed with SIGKILL at N moments while it
 * takes in alerts, logs and counters; in the end every batch that it acknowledged must be in its incident, once.
 */
import { parseArgs } from 'node:util';
import type { Victim } from './kill/plan.ts';
import { runKills } from './kill/run.ts';

const VICTIMS: Readonly<Record<string, readonly Victim[]>> = { service: ['service'], redis: ['redis'], both: ['service', 'redis'] };
const MOST_SHOWN = 20;

const { values } = parseArgs({
  options: {
    driver: { type: 'string', default: 'sqlite' },
    points: { type: 'string', default: '25' },
    seed: { type: 'string', default: '1' },
    victim: { type: 'string', default: 'service' },
  },
});
const [points, seed] = [Number(values.points), Number(values.seed)];
const victims = VICTIMS[values.victim];
const { driver } = values;
if ((driver !== 'sqlite' && driver !== 'redis') || victims === undefined || !(points >= 1) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run kill -- --driver sqlite|redis --points N --seed S [--victim service|redis|both]\n');
  process.exit(2);
}
if (driver === 'sqlite' && victims.includes('redis')) {
  process.stderr.write('SQLite has no Redis to kill: leave out --victim, or take --driver redis\n');
  process.exit(2);
}
const begin = performance.now();
const result = await runKills({ driver, points, seed, victims, onPoint: (done) => process.stderr.write(`\rpoint ${done} of ${points}`) });
process.stderr.write('\r\u001b[2K');
for (const fault of result.faults.slice(0, MOST_SHOWN)) process.stdout.write(`${fault}\n`);
const seconds = ((performance.now() - begin) / 1000).toFixed(0);
process.stdout.write(
  `driver ${driver} victim ${values.victim} seed ${seed}: points ${result.points} accepted ${result.accepted} found ${result.found} lost ${result.lost} doubled ${result.doubled} (${seconds} s)\n`,
);
process.exitCode = result.lost + result.doubled === 0 && result.accepted > 0 ? 0 : 1;
