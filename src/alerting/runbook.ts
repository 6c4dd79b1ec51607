/** One page per alert, with the headings of prometheus-operator/runbooks. */
import type { AlertKind } from './alert-kind.ts';

/** Markdown; ends with the command to run. */
export function runbookPage({ name, severity, summary, runbook }: AlertKind): string {
  const { meaning, impact, diagnosis, mitigation, command } = runbook;
  return `${[
    `# ${name}`,
    `${summary} Severity: ${severity}.`,
    '## Meaning',
    paragraphs(meaning),
    '## Impact',
    paragraphs(impact),
    '## Diagnosis',
    bullets(diagnosis),
    '## Mitigation',
    bullets(mitigation),
    `What caused it, and which object decided:`,
    `\`\`\`\n${command}\n\`\`\``,
  ].join('\n\n')}\n`;
}

/** A line that begins with a dash belongs to the list before it. */
function paragraphs(lines: readonly string[]): string {
  return lines.map((line, i) => (i === 0 ? '' : isItem(line) && isItem(lines[i - 1] ?? '') ? '\n' : '\n\n') + line.trimStart()).join('');
}

function isItem(line: string): boolean {
  return line.trimStart().startsWith('- ');
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}
