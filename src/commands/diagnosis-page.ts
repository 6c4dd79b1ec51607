/** The page of a diagnosis, as it lies beside the program. */
import { readFile } from 'node:fs/promises';
import { DIAGNOSES } from '../diagnoses/index.ts';
import { InvalidInput } from '../errors.ts';

/** Markdown. Errors: InvalidInput for an id that no diagnosis has. */
export async function diagnosisPage(id: string): Promise<string> {
  // Only known ids become names of files.
  const known = DIAGNOSES.find((diagnosis) => diagnosis.id === id);
  if (known === undefined)
    throw new InvalidInput(`there is no diagnosis ${JSON.stringify(id)}.`, `denywhy diagnoses lists them.${nearest(id)}`);
  return readFile(new URL(`../../docs/diagnoses/${known.id}.md`, import.meta.url), 'utf8');
}

/** Those that share a word of the id. */
function nearest(id: string): string {
  const words = id
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word.length > 3);
  const near = DIAGNOSES.filter((diagnosis) => words.some((word) => diagnosis.id.includes(word))).map((diagnosis) => diagnosis.id);
  return near.length === 0 ? '' : `\nNear it: ${near.slice(0, 5).join(', ')}`;
}
