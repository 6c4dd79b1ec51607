import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/fixtures/**'],
    testTimeout: 30_000,
    // Hooks start linters and servers, on machines that have other things to do.
    hookTimeout: 60_000,
  },
});
