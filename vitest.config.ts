import { defineConfig } from 'vitest/config'

// As in the daemon: calls of the store wait in threads, and a thread pool's size is that of the process's start.
process.env.UV_THREADPOOL_SIZE ??= '32'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // chDB lives in the main thread of a process only: worker threads crash it.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
