import { Button, Kbd, TextInput } from '@mantine/core';
import { type ReactNode, useRef, useState } from 'react';
import { ApiError } from './api.ts';
import { short } from './inert.ts';
import { Card, Trouble } from './parts.tsx';
import { setQuery } from './route.ts';

interface FormProps {
  readonly query: URLSearchParams;
  readonly change: string;
  readonly onChange: (change: string) => void;
  readonly onRun: () => void;
  readonly error: Error | null;
  readonly isRunning: boolean;
  /** Whether everyone who could call is tried too. */
  readonly isTried: boolean;
}

/** More is no policy: the browser would hang before the service refuses it. */
const MOST_BYTES = 2 * 2 ** 20;

/** The proposed objects: pasted, dropped, or from a file. */
export function ChangeForm({ query, change, onChange, onRun, error, isRunning, isTried }: FormProps): ReactNode {
  const area = useRef<HTMLTextAreaElement>(null);
  const [isOver, setOver] = useState(false);
  const [fault, setFault] = useState('');
  const take = async (files: FileList | null) => {
    const all = [...(files ?? [])];
    if (all.length === 0) return;
    if (all.reduce((sum, { size }) => sum + size, 0) > MOST_BYTES) {
      setFault('These files are larger than 2 MiB together: take the part that changes.');
      return;
    }
    setFault('');
    const texts = await Promise.all(all.map((file) => file.text()));
    onChange(texts.join('\n---\n'));
  };
  return (
    <form
      className={isOver ? 'over' : ''}
      onSubmit={(event) => {
        event.preventDefault();
        onRun();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer.files);
      }}
    >
      <Card title="Proposed objects" note="YAML or JSON, as kubectl apply takes them">
        <textarea
          ref={area}
          className="objects-in"
          aria-label="Objects"
          spellCheck={false}
          autoComplete="off"
          rows={18}
          placeholder="Paste objects here, or drop a file"
          value={change}
          onChange={(event) => onChange(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            onRun();
          }}
        />
        <div role="alert">
          {fault !== '' && <p className="trouble">{fault}</p>}
          {error !== null && <Fault error={error} change={change} area={area.current} />}
        </div>
        <div className="choices">
          <label className="file">
            From a file{' '}
            <input type="file" multiple accept=".yaml,.yml,.json,.jsonl" onChange={(event) => void take(event.currentTarget.files)} />
          </label>
          <TextInput
            label="Delete too"
            placeholder="srv/NAME, netpol/NAME"
            value={query.get('delete') ?? ''}
            onChange={(event) => setQuery({ delete: event.currentTarget.value })}
          />
          <TextInput
            label="Namespace of objects that name none"
            placeholder="default"
            value={query.get('namespace') ?? ''}
            onChange={(event) => setQuery({ namespace: event.currentTarget.value.trim() })}
          />
          <label className="check">
            <input
              type="checkbox"
              checked={isTried}
              onChange={(event) => setQuery({ traffic: event.currentTarget.checked ? '' : 'observed' })}
            />
            Try everyone who could call, not only who was seen
          </label>
        </div>
        <div className="buttons">
          <Button type="submit" loading={isRunning}>
            Simulate
          </Button>
          <span className="note">
            <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">Enter</Kbd>
          </span>
        </div>
      </Card>
    </form>
  );
}

interface FaultProps {
  readonly error: Error;
  readonly change: string;
  readonly area: HTMLTextAreaElement | null;
}

/** What is wrong, and the line in which it is. */
function Fault({ error, change, area }: FaultProps): ReactNode {
  const place = error instanceof ApiError ? error.place : null;
  const line = place === null ? undefined : change.split('\n')[place.line - 1];
  return (
    <>
      <Trouble error={error} />
      {place !== null && line !== undefined && (
        <p className="fault">
          <span>
            Line {place.line}
            {place.column === null ? '' : `, column ${place.column}`}:
          </span>
          <code>{short(line, 200)}</code>
          <Button size="compact-xs" variant="default" onClick={() => select(area, change, place.line)}>
            Go there
          </Button>
        </p>
      )}
    </>
  );
}

function select(area: HTMLTextAreaElement | null, change: string, line: number): void {
  const lines = change.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
  area?.focus();
  area?.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
}
