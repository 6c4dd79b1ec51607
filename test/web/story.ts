/** The recorded story as it was at a moment: nothing of it that came later is known. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const DEMO = join(import.meta.dirname, '../../demo');

/** Whether a line was there by then; `at`: milliseconds. */
const FORMS: readonly (readonly [name: RegExp, isBefore: (line: string, at: number) => boolean])[] = [
  [/^policy-history\.jsonl$/, (line, at) => Date.parse((JSON.parse(line) as { observedAt: string }).observedAt) <= at],
  [/^alertmanager-webhooks\.jsonl$/, (line, at) => Date.parse((JSON.parse(line) as { receivedAt: string }).receivedAt) <= at],
  [/\.log$/, (line, at) => !(Date.parse(line.split(' ', 1)[0] ?? '') > at)],
  [/\.om$/, (line, at) => line.startsWith('#') || !(Number(line.split(' ').at(-1)) * 1000 > at)],
];

/** The name of the folder that `storyUntil` makes. */
export const STORY = 'story';

/** Makes the folder `story` in one of its own, as `denywhy demo --from story` plays it there. The caller removes the one that is given back. */
export function storyUntil(moment: string): string {
  const at = Date.parse(moment);
  const parent = mkdtempSync(join(tmpdir(), 'denywhy-story-'));
  const directory = join(parent, STORY);
  for (const path of readdirSync(DEMO, { recursive: true, encoding: 'utf8' })) {
    const name = path.replace(/\.gz$/, '');
    const form = FORMS.find(([pattern]) => pattern.test(name.split('/').at(-1) ?? ''));
    if (form === undefined) continue;
    const bytes = readFileSync(join(DEMO, path));
    const lines = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n');
    const kept = lines.filter((line) => line === '' || form[1](line, at));
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), kept.join('\n'));
  }
  return parent;
}
