/** What several pages are made of. */
import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { ApiError } from './api.ts';
import { inertLines } from './inert.ts';
import { go, hrefOf } from './route.ts';

/** A link inside the window: the page stays, and a new tab is still possible. */
export function Link({ to, children, className, current }: LinkProps): ReactNode {
  return (
    <a
      href={hrefOf(to)}
      className={className}
      aria-current={current === true ? 'page' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

interface LinkProps {
  readonly to: string;
  readonly children: ReactNode;
  readonly className?: string;
  readonly current?: boolean;
}

export function Card({ title, note, tone = 'plain', children, id }: CardProps): ReactNode {
  return (
    <section className={`card ${tone}`} id={id} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span className="note">{note}</span>}
      </header>
      <div className="body">{children}</div>
    </section>
  );
}

interface CardProps {
  readonly title: string;
  readonly note?: ReactNode;
  readonly tone?: string;
  readonly children: ReactNode;
  readonly id?: string;
}

/** What went wrong and what to do, where it matters. */
export function Trouble({ error }: { readonly error: Error }): ReactNode {
  return (
    <p className="trouble" role="alert">
      <strong>{error.message}</strong> {error instanceof ApiError ? error.remedy : 'Load the page again.'}
    </p>
  );
}

/** A command or a text that can be pasted as it is. */
export function Command({ text }: { readonly text: string }): ReactNode {
  return (
    <div className="command">
      <pre>{inertLines(text)}</pre>
      <CopyButton label="Copy" name={`Copy ${inertLines(text).slice(0, 60)}`} textOf={async () => text} />
    </div>
  );
}

export function CopyButton({ label, name, textOf, isMain = false, letter }: CopyProps): ReactNode {
  const [state, setState] = useState<'' | 'Copied'>('');
  const [error, setError] = useState<Error | null>(null);
  const run = () =>
    copy(textOf).then(
      () => {
        setError(null);
        setState('Copied');
        setTimeout(() => setState(''), 2000);
      },
      (failed: Error) => setError(failed),
    );
  return (
    <>
      <Button
        size="xs"
        variant={isMain ? 'filled' : 'default'}
        aria-label={state === '' ? name : state}
        onClick={() => void run()}
        data-key={letter}
      >
        {state === '' ? label : state}
      </Button>
      {error !== null && <Trouble error={error} />}
    </>
  );
}

interface CopyProps {
  readonly label: string;
  readonly name: string;
  readonly textOf: () => Promise<string>;
  readonly isMain?: boolean;
  /** The key that does the same. */
  readonly letter?: string;
}

/** Browsers give no clipboard to pages without TLS: there, by way of a selection. */
export async function copy(textOf: () => Promise<string>): Promise<void> {
  const text = await textOf();
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  if (!isCopied) throw new Error('the browser did not copy');
}
