import { Button, Kbd, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ComponentType, lazy, type ReactNode, Suspense, useState } from 'react';
import { remove } from './api.ts';
import type { Shapes } from './api-types.ts';
import { Dialog } from './dialog.tsx';
import { areKeysOn, setKeysOn, useKeys } from './keys.ts';
import { type Live, useLive } from './live.ts';
import { Link, Trouble } from './parts.tsx';
import { sessionQuery, statusQuery } from './queries.ts';
import { go, type Route, useRoute } from './route.ts';
import { SignIn } from './sign-in.tsx';
import { useNow, utc } from './time.ts';

interface PageProps {
  readonly query: URLSearchParams;
  readonly mayTriage: boolean;
}

interface MenuPage {
  readonly page: Route['page'];
  /** Where it is, below the window's base. */
  readonly place: string;
  /** Behind `g`. */
  readonly letter: string;
  readonly title: string;
  readonly Body: ComponentType<PageProps>;
  load(): Promise<unknown>;
}

/** The pages of the menu, each in a part of the bundle of its own. */
const MENU: readonly MenuPage[] = [
  {
    ...{ page: 'incidents', place: '', letter: 'i', title: 'Incidents' },
    ...part(async () => (await import('./incidents.tsx')).IncidentsPage),
  },
  {
    ...{ page: 'policy', place: 'policy', letter: 'p', title: 'Policy' },
    ...part(async () => (await import('./policy.tsx')).PolicyPage),
  },
  {
    ...{ page: 'simulate', place: 'simulate', letter: 's', title: 'Simulate' },
    ...part(async () => (await import('./simulate.tsx')).SimulatePage),
  },
  {
    ...{ page: 'posture', place: 'posture', letter: 'o', title: 'Posture' },
    ...part(async () => (await import('./posture.tsx')).PosturePage),
  },
  {
    ...{ page: 'rules', place: 'rules', letter: 'r', title: 'Rules' },
    ...part(async () => (await import('./rules.tsx')).RulesPage),
  },
  {
    ...{ page: 'status', place: 'status', letter: 't', title: 'Status' },
    ...part(async () => (await import('./status.tsx')).StatusPage),
  },
];
const { Body: IncidentPage, load: loadIncident } = part(async () => (await import('./incident.tsx')).IncidentPage);

/** A part of the bundle. */
function part<P>(load: () => Promise<ComponentType<P>>) {
  return { load, Body: lazy(async () => ({ default: await load() })) };
}

/** The part of the page that is asked for comes while it is asked who asks. */
export function loadPage({ page }: Pick<Route, 'page'>): void {
  const load = page === 'incident' ? loadIncident : MENU.find((one) => one.page === page)?.load;
  // What fails here fails again, and is shown, when the page is made.
  void load?.().catch(() => undefined);
}

export function App(): ReactNode {
  const { data: session, error } = useQuery(sessionQuery);
  const mayRead = session?.scopes.includes('read') === true;
  const live = useLive(mayRead);
  const route = useRoute();
  const [isHelpOpen, setHelp] = useState(false);
  const goTo = useGoKeys();
  useKeys({ '?': () => setHelp(true), ...goTo });
  return (
    <>
      <a className="skip" href="#page">
        To the page
      </a>
      <Header session={session} live={live} route={route} isSignedIn={mayRead} onHelp={() => setHelp(true)} />
      <div id="page" tabIndex={-1}>
        {session === undefined && error !== null && (
          <main className="narrow">
            <Trouble error={error} />
          </main>
        )}
        {session !== undefined && (mayRead ? <Page route={route} session={session} /> : <NoReader session={session} />)}
      </div>
      <Help isOpen={isHelpOpen} onClose={() => setHelp(false)} />
    </>
  );
}

/** `g`, then the page's letter within a second and a half. */
function useGoKeys() {
  const [waitingSince, setWaiting] = useState(0);
  const to = (place: string) => () => {
    if (Date.now() - waitingSince >= 1500) return false;
    setWaiting(0);
    go(place);
    return true;
  };
  return { g: () => setWaiting(Date.now()), ...Object.fromEntries(MENU.map(({ letter, place }) => [letter, to(place)])) };
}

function Page({ route, session }: { readonly route: Route; readonly session: Shapes['Session'] }): ReactNode {
  const mayTriage = session.scopes.includes('triage');
  const here = MENU.find(({ page }) => page === route.page);
  return (
    <Suspense fallback={<main aria-busy="true" />}>
      {here !== undefined && <here.Body query={route.query} mayTriage={mayTriage} />}
      {route.page === 'incident' && <IncidentPage key={route.id} id={route.id} mayTriage={mayTriage} />}
      {route.page === 'nowhere' && (
        <main className="narrow">
          <h1>There is no such page</h1>
          <p>
            <Link to="">All incidents</Link>
          </p>
        </main>
      )}
    </Suspense>
  );
}

function NoReader({ session }: { readonly session: Shapes['Session'] }): ReactNode {
  if (session.name === null) return <SignIn />;
  return (
    <main className="narrow">
      <h1>The token {session.name} may not read</h1>
      <p>It has not the scope read. Sign out, and use one that has it.</p>
    </main>
  );
}

interface HeaderProps {
  readonly session: Shapes['Session'] | undefined;
  readonly live: Live;
  readonly route: Route;
  readonly isSignedIn: boolean;
  readonly onHelp: () => void;
}

function Header({ session, live, route, isSignedIn, onHelp }: HeaderProps): ReactNode {
  const scheme = useComputedColorScheme('light');
  const { setColorScheme } = useMantineColorScheme();
  const client = useQueryClient();
  const signOut = async () => {
    await remove('session');
    client.clear();
    window.location.reload();
  };
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <header className="top">
      <Link to="" className="brand">
        denywhy
      </Link>
      {isSignedIn && (
        <nav aria-label="Pages">
          {MENU.map(({ page, place, title }) => (
            <Link key={page} to={place} current={route.page === page || (page === 'incidents' && route.page === 'incident')}>
              {title}
              {page === 'status' && <StatusDot />}
            </Link>
          ))}
        </nav>
      )}
      <div className="about">
        {isSignedIn && <LiveWord live={live} />}
        {session?.needsToken === true && session.name !== null && (
          <>
            <span>
              {session.name}: {session.scopes.join(', ')}
            </span>
            <Button size="compact-xs" variant="default" onClick={() => void signOut()}>
              Sign out
            </Button>
          </>
        )}
        <Button size="compact-xs" variant="default" onClick={onHelp} aria-label="Keys">
          ?
        </Button>
        <Button size="compact-xs" variant="default" onClick={() => setColorScheme(other)} aria-label={`Colours: ${other}`}>
          {other === 'dark' ? '☾' : '☀'}
        </Button>
      </div>
    </header>
  );
}

function StatusDot(): ReactNode {
  const { data } = useQuery(statusQuery);
  const isOdd = data?.items.some(({ state }) => state !== 'well') === true;
  return isOdd ? (
    <>
      {' '}
      <span className="dot wait" role="img" aria-label="something is to be known" />
    </>
  ) : null;
}

function LiveWord({ live }: { readonly live: Live }): ReactNode {
  const now = useNow();
  if (live.state === 'live')
    return (
      <span role="status">
        <span className="dot ok" /> Live
      </span>
    );
  return (
    <span role="status" className={live.state === 'lost' ? 'lost' : ''}>
      <span className="dot wait" />{' '}
      {live.state === 'lost' ? `Reconnecting, data from ${utc(new Date(live.at).toISOString(), now)}` : 'Connecting'}
    </span>
  );
}

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['j k', 'the next, the one before'],
  ['Enter', 'open it'],
  ['Esc', 'back to the list'],
  ['a', 'acknowledge'],
  ['m', 'mute'],
  ['c', 'copy the fix'],
  ['s', 'simulate it'],
  ['/', 'search'],
  ['1 – 7', 'filter by the answer'],
  ...MENU.map(({ letter, title }) => [`g ${letter}`, title.toLowerCase()] as const),
  ['?', 'these keys'],
];

function Help({ isOpen, onClose }: { readonly isOpen: boolean; readonly onClose: () => void }): ReactNode {
  const [isOn, setOn] = useState(areKeysOn);
  const toggle = (wanted: boolean) => {
    setKeysOn(wanted);
    setOn(areKeysOn());
  };
  return (
    <Dialog title="Keys" isOpen={isOpen} onClose={onClose}>
      <label className="check">
        <input type="checkbox" checked={isOn} onChange={(event) => toggle(event.currentTarget.checked)} />
        Single keys do something
      </label>
      <dl className="keys">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
