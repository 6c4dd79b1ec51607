import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/fixtures/**'],
    // Most of the time of the long ones is spent waiting for servers: more of them than cores go side by side.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 60_000,
    // Hooks start linters and servers, on machines that have other things to do.
    hookTimeout: 120_000,
  },
});
