// Makes the compiled command line executable; tsc does not keep the mode.
import { chmodSync, existsSync } from 'node:fs'

const bin = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(bin)) chmodSync(bin, 0o755)
