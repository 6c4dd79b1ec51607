import { Button, Textarea } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { post } from './api.ts';
import type { Shapes } from './api-types.ts';
import { Dialog } from './dialog.tsx';
import { inert } from './inert.ts';
import { Trouble } from './parts.tsx';
import { placeOf, serverName } from './words.ts';

interface FormProps {
  readonly incident: Shapes['Incident'];
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function AcknowledgeForm({ incident, isOpen, onClose }: FormProps): ReactNode {
  return (
    <ReasonForm
      title={`Acknowledge ${inert(serverName(incident))}`}
      hint="Who reads it next sees that somebody looks after it, and why."
      verb="Acknowledge"
      isOpen={isOpen}
      onClose={onClose}
      send={(reason) => post(`incidents/${incident.id}/acknowledge`, { reason })}
    />
  );
}

export function ResolveForm({ incident, isOpen, onClose }: FormProps): ReactNode {
  return (
    <ReasonForm
      title={`Resolve ${inert(serverName(incident))}`}
      hint="It opens again when it comes back."
      verb="Resolve"
      isOpen={isOpen}
      onClose={onClose}
      send={(reason) => post(`incidents/${incident.id}/resolve`, { reason })}
    />
  );
}

const HOURS: readonly (readonly [hours: number, label: string])[] = [
  [1, 'an hour'],
  [8, '8 hours'],
  [24, 'a day'],
  [24 * 7, 'a week'],
  [24 * 30, '30 days'],
];

/** Mutes what the incident is about: same workload, Server, route and kind, whoever the client is. Counts go on. */
export function MuteForm({ incident, isOpen, onClose }: FormProps): ReactNode {
  const [hours, setHours] = useState(8);
  const { cluster, namespace, workload, server, route, kind } = incident;
  const named = Object.entries({ namespace, workload, server, route, kind }).filter(([, value]) => value !== null);
  return (
    <ReasonForm
      title={`Mute ${inert(serverName(incident))}`}
      hint={`Everything denied at ${inert(placeOf(incident))} stays counted, and quiet until the mute ends.`}
      verb="Mute"
      isOpen={isOpen}
      onClose={onClose}
      send={(reason) =>
        post('mutes', {
          target: { ...Object.fromEntries(named), ...(cluster === '' ? {} : { cluster }) },
          reason,
          expiresAt: new Date(Date.now() + hours * 3_600_000).toISOString(),
        })
      }
    >
      <label className="select">
        For
        <select value={hours} onChange={(event) => setHours(Number(event.currentTarget.value))}>
          {HOURS.map(([n, label]) => (
            <option key={n} value={n}>
              {label}
            </option>
          ))}
        </select>
      </label>
    </ReasonForm>
  );
}

interface ReasonProps {
  readonly title: string;
  readonly hint: string;
  readonly verb: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly send: (reason: string) => Promise<unknown>;
  readonly children?: ReactNode;
}

/** At once: the trap that keeps the focus in the dialog takes it a moment later, and what is typed meanwhile would be lost. */
function takeFocus(field: HTMLTextAreaElement | null): void {
  field?.focus();
}

function ReasonForm({ title, hint, verb, isOpen, onClose, send, children }: ReasonProps): ReactNode {
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<Error | null>(null);
  const [isSending, setSending] = useState(false);
  const submit = async () => {
    setSending(true);
    try {
      await send(reason.trim());
      await client.invalidateQueries();
      setReason('');
      setError(null);
      onClose();
    } catch (failed) {
      setError(failed as Error);
    } finally {
      setSending(false);
    }
  };
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p>{hint}</p>
        {/* Enter sends, as in a field of one line; Shift and Enter make a new one. */}
        <Textarea
          label="Reason"
          value={reason}
          maxLength={1000}
          data-autofocus
          ref={takeFocus}
          onChange={(event) => setReason(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey) return;
            event.preventDefault();
            if (reason.trim() !== '') void submit();
          }}
        />
        {children}
        {error !== null && <Trouble error={error} />}
        <Button type="submit" loading={isSending} disabled={reason.trim() === ''}>
          {verb}
        </Button>
      </form>
    </Dialog>
  );
}
