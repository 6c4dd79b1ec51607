/** The window: static files that `npm run build` makes of src/web. They hold nothing of a cluster; the page asks the API. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Express, Request, Response } from 'express';
import { Problem } from './problem.ts';

const DIRECTORY = new URL('../../build/web/', import.meta.url);

/** Pages that a browser may be led to, with the way from there to where the window begins: whatever a proxy puts before it. */
const PAGES: readonly (readonly [path: string, base: string])[] = [
  ['/', './'],
  ['/policy', './'],
  ['/simulate', './'],
  ['/posture', './'],
  ['/rules', './'],
  ['/status', './'],
  ['/incidents/:id', '../'],
];

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** What becomes smaller by it; fonts are small already. */
const ZIPPED: ReadonlySet<string> = new Set(['.css', '.js']);

/** Nothing inline and nothing from elsewhere. Styles that a script sets are no attributes, so they pass. */
const POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "font-src 'self'", "img-src 'self'", "connect-src 'self'", "base-uri 'self'"],
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Reads the files once: what is served is what was built when the service began. */
export function serveWindow(app: Express, directory = DIRECTORY): void {
  const index = new URL('index.html', directory);
  const page = existsSync(index) ? readFileSync(index, 'utf8') : null;
  for (const [path, base] of PAGES)
    app.get(path, (request, response) => {
      if (page === null) return sendNotBuilt(request, response);
      send(response, 'text/html; charset=utf-8', page.replace('<head>', `<head><base href="${base}">`));
    });
  for (const name of globSync('**/*.{css,js,svg,woff2}', { cwd: directory })) {
    const content = readFileSync(new URL(name, directory));
    const type = extname(name);
    let zipped: Buffer | null = null;
    app.get(`/${name}`, (request, response) => {
      // The name changes with the content.
      if (name.startsWith('assets/')) response.set('Cache-Control', 'public, max-age=31536000, immutable');
      if (!ZIPPED.has(type)) return send(response, TYPES[type] ?? '', content);
      response.set('Vary', 'Accept-Encoding');
      if (request.acceptsEncodings('gzip') !== 'gzip') return send(response, TYPES[type] ?? '', content);
      zipped ??= gzipSync(content);
      response.set('Content-Encoding', 'gzip');
      send(response, TYPES[type] ?? '', zipped);
    });
  }
}

const NOT_BUILT = {
  detail: 'The window has not been built.',
  remedy: 'Run `npm run build` in the checkout, then start denywhy again. The API works.',
} as const;

/** A person with a browser is not shown JSON. */
function sendNotBuilt(request: Request, response: Response): void {
  const { detail, remedy } = NOT_BUILT;
  if (request.accepts(['json', 'html']) !== 'html') throw new Problem(404, detail, remedy);
  response.status(404).set({ 'Content-Type': 'text/plain; charset=utf-8' }).end(`${detail}\n\n${remedy}\n`);
}

function send(response: Response, type: string, content: string | Buffer): void {
  response.status(200).set({ 'Content-Type': type, 'Content-Security-Policy': POLICY }).end(content);
}
