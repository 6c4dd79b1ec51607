import { Button, PasswordInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { post } from './api.ts';
import type { Shapes } from './api-types.ts';
import { Trouble } from './parts.tsx';
import { sessionQuery } from './queries.ts';

/** Asks for a token; the service keeps it as a cookie that no script reads. */
export function SignIn(): ReactNode {
  const client = useQueryClient();
  const [token, setToken] = useState('');
  const [error, setError] = useState<Error | null>(null);
  const send = async () => {
    try {
      const session = await post<Shapes['Session']>('session', { token: token.trim() });
      client.setQueryData(sessionQuery.queryKey, session);
    } catch (failed) {
      setError(failed as Error);
    }
  };
  return (
    <main className="narrow">
      <h1>Sign in</h1>
      <p>denywhy asks for a token of its configuration (auth.tokens): scope read to look, scope triage to acknowledge and to mute.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <PasswordInput
          label="Token"
          autoComplete="off"
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
          data-autofocus
          autoFocus
        />
        <Button type="submit" disabled={token.trim() === ''}>
          Sign in
        </Button>
      </form>
      {error !== null && <Trouble error={error} />}
      <p className="note">
        It is kept until the browser is closed, as a cookie that goes to this service alone and that no script can read.
      </p>
    </main>
  );
}
