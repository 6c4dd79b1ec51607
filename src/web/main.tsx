import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import '@mantine/core/styles/baseline.css';
import '@mantine/core/styles/default-css-variables.css';
import '@mantine/core/styles/global.css';
import '@mantine/core/styles/UnstyledButton.css';
import '@mantine/core/styles/Button.css';
import '@mantine/core/styles/CloseButton.css';
import '@mantine/core/styles/ActionIcon.css';
import '@mantine/core/styles/Input.css';
import '@mantine/core/styles/Kbd.css';
import '@mantine/core/styles/Loader.css';
import '@mantine/core/styles/ModalBase.css';
import '@mantine/core/styles/Modal.css';
import '@mantine/core/styles/Overlay.css';
import '@mantine/core/styles/Paper.css';
import '@mantine/core/styles/PasswordInput.css';
import './style.css';
import './layout.css';
import './lists.css';
import './incident.css';
import './media.css';
import { createTheme, MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api.ts';
import { App, loadPage } from './app.tsx';
import { sessionQuery } from './queries.ts';
import { routeOf } from './route.ts';

/** What was refused is not asked for again; who does not answer is. */
const MOST_TRIES = 2;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (tries, error) => tries < MOST_TRIES && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      staleTime: 5000,
      refetchOnWindowFocus: true,
      // The stream tells of incidents; of everything else, and while it is broken, this does.
      refetchInterval: 15_000,
    },
  },
});

const theme = createTheme({
  defaultRadius: 'md',
  respectReducedMotion: true,
});

void queries.prefetchQuery(sessionQuery);
loadPage(routeOf(window.location.href));

const root = document.getElementById('root');
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      {/* Style elements would be inline: the variables come from Mantine's own file. */}
      <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
        <QueryClientProvider client={queries}>
          <App />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
