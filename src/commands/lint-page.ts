/** The page of a lint code, as it lies beside the program. */
import { readFile } from 'node:fs/promises';
import { InvalidInput } from '../errors.ts';
import { RULES } from '../lint/index.ts';

/** Markdown. Errors: InvalidInput for a code that no rule has. */
export async function lintPage(code: string): Promise<string> {
  // Only known codes become names of files.
  const known = RULES.find((rule) => rule.code === code);
  if (known === undefined)
    throw new InvalidInput(`there is no code ${JSON.stringify(code)}.`, `The codes are:\n${RULES.map((rule) => rule.code).join('\n')}`);
  return readFile(new URL(`../../docs/lint/${known.code}.md`, import.meta.url), 'utf8');
}
