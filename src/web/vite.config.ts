import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Addresses of parts are relative: the window works below any path. */
export default defineConfig({
  base: './',
  plugins: [react()],
  build: { outDir: '../../build/web', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
