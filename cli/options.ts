import { type Command, InvalidArgumentError } from 'commander'
import type { Ports } from './embedded/lifecycle.js'

export interface PortOptions {
  httpPort: number
  streamPort: number
  kafkaPort: number
  metricsPort: number
  gatewayPort: number
}

export function portOption(command: Command, name: keyof Ports, fallback: number, what: string): void {
  command.option(`--${name}-port <port>`, `${what}; 0 takes a free one`, parsePort, fallback)
}

export function portsOf(options: PortOptions): Ports {
  return {
    http: options.httpPort,
    stream: options.streamPort,
    kafka: options.kafkaPort,
    metrics: options.metricsPort,
    gateway: options.gatewayPort,
  }
}

export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('Give a port from 0 to 65535.')
  return port
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30s`, `10m`, `2h` → milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  if (!match) throw new InvalidArgumentError('Give a duration such as 500ms, 30s, 10m, 2h or 1d.')
  return Number(match[1]) * UNITS[match[2]!]!
}

export function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}
