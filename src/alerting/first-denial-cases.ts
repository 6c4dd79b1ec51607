/** What happens to counters, targets and Prometheus itself, step by step, and what is news about it. */
import { type Clock, type Labels, OLD, UP } from './unit-test.ts';

/** A pod's counters and what Prometheus knows of it, in promtool's notation; `null`: not told. */
export interface Pod {
  readonly name: string;
  readonly counter: string;
  /** Beside the family's. */
  readonly labels?: Labels;
  readonly up: string | null;
  readonly start: string | null;
}

export interface Case {
  readonly name: string;
  readonly isThorough: boolean;
  readonly pods: readonly Pod[];
  /** What was counted within the window, step by step; 0: nothing may fire. */
  readonly counts: readonly (readonly [step: number, count: number])[];
}

/** The first step at which something happens. */
const BORN = 9;

/** `c`: enough to exceed the threshold; `w`: steps of a window; `back`: the step after a gap that is longer than a window. */
export function cases(c: number, w: number, clock: Clock): readonly Case[] {
  const back = BORN + w + 3;
  const gap = `_x${back - BORN}`;
  const old = { up: UP, start: OLD };
  const downAndBack = {
    up: `1x${BORN - 1} 0x${back - BORN - 1} 1x200`,
    start: `-1000000+0x${BORN - 1} stale _x${back - BORN - 1} -1000000+0x200`,
  };
  const blindAndBack = { up: `1x${BORN - 1} ${gap} 1x200`, start: `-1000000+0x${BORN - 1} ${gap} -1000000+0x200` };
  const silentAfter = (steps: readonly number[]) => steps.map((step) => [step, 0] as const);
  const afterGap = silentAfter([back, back + 1, back + w, back + w + 1]);
  return [
    {
      name: 'a series is born at its first denial, and stays',
      isThorough: false,
      pods: [{ name: 'p1', counter: `_x${BORN} ${c} ${c}x200`, ...old }],
      counts: [
        [BORN - 1, 0],
        [BORN, c],
        [BORN + w - 1, c],
      ],
    },
    {
      name: 'a series is born at three and goes to five',
      isThorough: true,
      pods: [{ name: 'p1', counter: `_x${BORN} ${3 * c} ${5 * c} ${5 * c}x200`, ...old }],
      counts: [
        [BORN, 3 * c],
        [BORN + 1, 5 * c],
        [BORN + w, 2 * c],
      ],
    },
    {
      name: 'a counter that stands still is no news',
      isThorough: false,
      pods: [{ name: 'p1', counter: `${50 * c}x200`, ...old }],
      counts: silentAfter([1, w, 3 * w]),
    },
    {
      name: 'a rollout: the old pod goes, the first denial of the new one is seen',
      isThorough: true,
      pods: [
        { name: 'old', counter: `${50 * c}x13 stale`, up: '1x13 stale', start: '-1000000+0x13 stale' },
        { name: 'new', counter: `_x15 ${c} ${c}x200`, up: '_x14 1x200', start: `_x14 ${14 * clock.seconds}x200` },
      ],
      counts: [
        [14, 0],
        [15, c],
        [16, c],
      ],
    },
    {
      name: 'a rollout without a denial is silent',
      isThorough: true,
      pods: [
        { name: 'old', counter: `${50 * c}x13 stale`, up: '1x13 stale', start: '-1000000+0x13 stale' },
        { name: 'new', counter: '_x200', up: '_x14 1x200', start: `_x14 ${14 * clock.seconds}x200` },
      ],
      counts: silentAfter([13, 14, 16, 14 + w]),
    },
    {
      name: 'a container starts again under the same labels and denies',
      isThorough: true,
      pods: [{ name: 'p1', counter: `${50 * c}x8 _x2 ${c}x200`, up: UP, start: `-1000000+0x8 ${10 * clock.seconds}x200` }],
      counts: [
        [8, 0],
        [11, c],
        [BORN + w, c],
      ],
    },
    {
      name: 'a container starts again and denies as often as before',
      isThorough: true,
      pods: [{ name: 'p1', counter: `${c}x8 stale _ ${c}x200`, up: UP, start: `-1000000+0x8 ${10 * clock.seconds}x200` }],
      counts: [
        [8, 0],
        [11, c],
      ],
    },
    {
      name: 'a counter falls, and nothing says that its process is new',
      isThorough: true,
      pods: [{ name: 'p1', counter: `${50 * c}x8 ${c}x200`, up: null, start: null }],
      counts: [
        [8, 0],
        [BORN, c],
        [BORN + w - 1, c],
      ],
    },
    {
      name: 'a target is down for longer than a window, and its counter stands where it stood',
      isThorough: true,
      pods: [{ name: 'p1', counter: `${50 * c}x${BORN - 1} stale _x${back - BORN - 1} ${50 * c}x200`, ...downAndBack }],
      counts: afterGap,
    },
    {
      name: 'Prometheus is down for longer than a window, and the counter stands where it stood',
      isThorough: true,
      pods: [{ name: 'p1', counter: `${50 * c}x${BORN - 1} ${gap} ${50 * c}x200`, ...blindAndBack }],
      counts: afterGap,
    },
    {
      name: 'a target is down, and a known client is denied meanwhile',
      isThorough: true,
      pods: [{ name: 'p1', counter: `${50 * c}x${BORN - 1} stale _x${back - BORN - 1} ${53 * c}x200`, ...downAndBack }],
      counts: [
        [back, 3 * c],
        [back + w - 1, 3 * c],
      ],
    },
    {
      name: 'a target is down, and a new client is denied meanwhile',
      isThorough: true,
      pods: [{ name: 'p1', counter: `_x${back} ${c}x200`, ...downAndBack }],
      counts: [
        [back - 1, 0],
        [back, c],
      ],
    },
    {
      name: 'Prometheus meets an old proxy for the first time: what it counted is old',
      isThorough: true,
      pods: [{ name: 'p1', counter: `_x${BORN} ${50 * c}x200`, up: `_x${BORN} 1x200`, start: `_x${BORN} -1000000+0x200` }],
      counts: silentAfter([BORN, BORN + w, BORN + 2 * w]),
    },
    {
      name: 'somebody edits the labels of a pod: its counters are the same ones',
      isThorough: true,
      pods: [
        { name: 'p1', labels: { role: 'canary' }, counter: `${50 * c}x${BORN - 1} stale`, up: null, start: null },
        { name: 'p1', labels: { role: 'stable' }, counter: `_x${BORN} ${50 * c}x200`, ...old },
      ],
      counts: silentAfter([BORN, BORN + 1, BORN + w]),
    },
    {
      name: 'many clients, pods and ports are one alert',
      isThorough: false,
      pods: ['p1', 'p2'].flatMap((name) =>
        ['8080', '8081'].map((port) => ({
          name,
          labels: { target_port: port, srv_port: port, target_ip: name, target_addr: `${name}:${port}`, client_id: `client-${port}` },
          counter: `_x${BORN} ${c}x200`,
          ...old,
        })),
      ),
      counts: [[BORN, 4 * c]],
    },
  ];
}
