/** Results of `denywhy test`: for a person, as data, and as JUnit XML for CI. */
import { showRef } from '../policy/resource.ts';
import type { Notice } from '../ports.ts';
import { type Palette, safe, wrap } from './terminal.ts';
import type { TestResult } from './test-run.ts';

export function showTests(results: readonly TestResult[], columns: number, palette: Palette): readonly string[] {
  const failed = results.filter(({ passed }) => !passed).length;
  const lines = results.flatMap((result) => {
    const word = result.passed ? palette.green('ok  ') : palette.red('FAIL');
    const [first = '', ...rest] = wrap(safe(result.name), columns, ' '.repeat(6));
    return [`${word}  ${first.trimStart()}`, ...rest, ...(result.passed ? [] : wrap(safe(failureOf(result)), columns, ' '.repeat(8)))];
  });
  return [...lines, `${results.length - failed} passed, ${failed} failed`];
}

/** `expected no, is yes: …`, with the object and the place that a person goes to. */
function failureOf({ expected, answer, why, object, objectPlace, since, place, file }: TestResult): string {
  const where = `${file}${place.line === undefined ? '' : `:${place.line}`}`;
  if (answer === null) return `cannot be asked: ${why} (${where})`;
  const by = object === null || why.includes(`${object.kind} ${object.namespace}/${object.name}`) ? '' : ` Decided by ${showRef(object)}.`;
  const at = objectPlace === null ? '' : ` (${objectPlace})`;
  const changed = since === null ? '' : ` So since ${since.at}: ${since.objects.join(', ')}.`;
  return `expected ${expected}, is ${answer}: ${why}${by}${at}${changed} Asked in ${where}.`;
}

export function testsData(results: readonly TestResult[], notices: readonly Notice[]): Readonly<Record<string, unknown>> {
  const passed = results.filter((result) => result.passed).length;
  return { form: 'denywhy.test-results/1', passed, failed: results.length - passed, results, notices };
}

/** One suite per file. */
export function showJunit(results: readonly TestResult[]): string {
  const suites = [...Map.groupBy(results, ({ file }) => file)].map(([file, own]) => {
    const failed = own.filter(({ passed }) => !passed).length;
    const cases = own.map((result) => {
      const head = `    <testcase classname="${xml(file)}" name="${xml(result.name)}"`;
      if (result.passed) return `${head}/>`;
      const message = `expected ${result.expected}, is ${result.answer ?? 'not to be asked'}`;
      return `${head}>\n      <failure message="${xml(message)}">${xml(failureOf(result))}</failure>\n    </testcase>`;
    });
    return [`  <testsuite name="${xml(file)}" tests="${own.length}" failures="${failed}">`, ...cases, '  </testsuite>'].join('\n');
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`;
}

/** Characters that XML cannot hold are escaped as for a terminal. */
function xml(text: string): string {
  return safe(text)
    .replaceAll(/[\uFFFE\uFFFF]/g, '')
    .replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
