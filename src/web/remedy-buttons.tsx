/** A remedy to take away: copied, downloaded, or tried before anyone applies it. */
import './remedy-buttons.css';
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { address, text } from './api.ts';
import type { Remedy } from './explanation.ts';
import { short } from './inert.ts';
import { CopyButton } from './parts.tsx';
import { go, hrefOf } from './route.ts';

const FORMS = { yaml: '.yaml', patch: '.patch.json', diff: '.diff' } as const;
type Form = keyof typeof FORMS;

const placeOf = (id: string, number: number, form: Form) => `incidents/${encodeURIComponent(id)}/remedies/${number}?format=${form}`;

/** The fix as it is copied by its key: objects that `kubectl apply` takes. */
export function copyFix(id: string, number: number): Promise<string> {
  return text(placeOf(id, number, 'yaml'));
}

/** Where a remedy is tried. */
export function simulatePlace(id: string, number: number): string {
  return `simulate?incident=${encodeURIComponent(id)}&remedy=${number}`;
}

interface ButtonsProps {
  readonly id: string;
  readonly remedy: Remedy;
  readonly isMain: boolean;
}

export function RemedyButtons({ id, remedy: { number, title }, isMain }: ButtonsProps): ReactNode {
  if (number === null) return null;
  const named = (label: string) => `${label}: ${short(title, 60)}`;
  const copied = (label: string, textOf: () => Promise<string>) => <CopyButton label={label} name={named(label)} textOf={textOf} />;
  const simulate = simulatePlace(id, number);
  return (
    <>
      <div className="buttons">
        <CopyButton
          label="Copy YAML"
          name={named('Copy YAML')}
          textOf={() => copyFix(id, number)}
          isMain={isMain}
          {...(isMain ? { letter: 'c' } : {})}
        />
        {copied('Copy Git patch', () => text(placeOf(id, number, 'diff')))}
        {copied('Copy kubectl', async () => command('kubectl apply -f -', await copyFix(id, number)))}
        {copied('Copy JSON patch', () => text(placeOf(id, number, 'patch')))}
        <Button
          size="xs"
          variant="default"
          component="a"
          href={hrefOf(simulate)}
          aria-label={named('Simulate')}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            go(simulate);
          }}
          {...(isMain ? { 'data-key': 's' } : {})}
        >
          Simulate
        </Button>
      </div>
      <p className="downloads">
        Download{' '}
        {Object.entries(FORMS).map(([form, ending]) => (
          <a
            key={form}
            href={address(placeOf(id, number, form as Form))}
            download={`${id}-remedy-${number}${ending}`}
            aria-label={`Download ${ending}: ${short(title, 60)}`}
          >
            {ending}
          </a>
        ))}
      </p>
    </>
  );
}

/** A text as the input of a command, ended by a line that is not in it. */
function command(name: string, input: string): string {
  const lines = new Set(input.split('\n'));
  let end = 'END';
  while (lines.has(end)) end += 'D';
  return `${name} <<'${end}'\n${input}${input.endsWith('\n') ? '' : '\n'}${end}\n`;
}
