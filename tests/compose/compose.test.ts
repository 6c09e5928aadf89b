import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

interface Service {
  image: string
  build?: { context: string; dockerfile: string }
  command?: string | string[]
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  profiles?: string[]
  healthcheck?: { test: string[] }
  depends_on?: Record<string, { condition: string }>
  restart?: string
}

const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>
  volumes: Record<string, null>
}
const services = Object.entries(compose.services)
const jobs = new Set(['bootstrap', 'bootstrap-enterprise'])

describe('docker-compose.yml', () => {
  it('has the broker, the engines, the gateway and the one-shot jobs', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      [
        ...['bootstrap', 'bootstrap-enterprise', 'gateway', 'proton', 'redpanda', 'timeplus'],
        ...['grafana', 'prometheus'],
      ].sort(),
    )
    for (const job of jobs) expect(compose.services[job]!.restart, job).toBe('no')
  })

  it('keeps Timeplus Enterprise and the dashboards in profiles of their own, and nothing else', () => {
    const profiles = Object.fromEntries(
      services.filter(([, service]) => service.profiles).map(([name, service]) => [name, service.profiles]),
    )
    expect(profiles).toEqual({
      timeplus: ['enterprise'],
      'bootstrap-enterprise': ['enterprise'],
      prometheus: ['observability'],
      grafana: ['observability'],
    })
  })

  it.each(services)('%s: the image is pinned to a version', (_name, { image }) => {
    expect(image).toMatch(/:v?\d+\.\d+\.\d+$/)
  })

  it.each(services)('%s: ports are published on loopback only', (_name, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
  })

  it('publishes no host port twice', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports.map((port) => port.split(':')[1]))
    expect(new Set(published).size).toBe(published.length)
  })

  it.each(services.filter(([name]) => !jobs.has(name)))(
    '%s: is watched by a health check',
    (_name, service) => {
      expect(service.healthcheck?.test.length).toBeGreaterThan(1)
    },
  )

  it.each([...jobs])('%s: waits for what it needs to be healthy', (job) => {
    const needs = compose.services[job]!.depends_on!
    expect(Object.keys(needs)).toEqual(expect.arrayContaining(['redpanda', 'gateway']))
    for (const [name, { condition }] of Object.entries(needs)) {
      expect(condition).toBe('service_healthy')
      expect(compose.services[name]?.healthcheck, name).toBeDefined()
    }
  })

  it('keeps data in named volumes that are declared, and mounts only files that exist', () => {
    for (const [name, { volumes = [] }] of services)
      for (const volume of volumes) {
        const [from] = volume.split(':')
        if (from!.startsWith('./')) expect(existsSync(join(root, from!)), `${name}: ${from}`).toBe(true)
        else expect(Object.keys(compose.volumes), name).toContain(from)
      }
    for (const name of ['redpanda', 'proton', 'timeplus'])
      expect(
        compose.services[name]!.volumes!.some((volume) => !volume.startsWith('.')),
        name,
      ).toBe(true)
  })

  it('keeps log segments small enough for a laptop', () => {
    const limit = 128 * 2 ** 20
    const redpanda = [compose.services.redpanda!.command!].flat().join(' ')
    expect(Number(/log_segment_size=(\d+)/.exec(redpanda)![1])).toBeLessThanOrEqual(limit)
    const proton = readFileSync(join(root, 'docker/proton.xml'), 'utf8')
    expect(Number(/<log_segment_size>(\d+)</.exec(proton)![1])).toBeLessThanOrEqual(limit)
    const timeplus = parse(readFileSync(join(root, 'docker/timeplus.yaml'), 'utf8')) as {
      data: { datastore: { log: { preallocate: boolean; segment_size: number } } }
    }
    expect(timeplus.data.datastore.log.preallocate).toBe(false)
    expect(timeplus.data.datastore.log.segment_size).toBeLessThanOrEqual(limit)
  })

  it('holds no secret: keys come from the environment and are empty by default', () => {
    for (const [name, { environment = {} }] of services)
      for (const [key, value] of Object.entries(environment))
        if (/KEY|PASSWORD|TOKEN|SECRET/.test(key)) expect(value, `${name}.${key}`).toBe(`\${${key}:-}`)
  })

  it('builds the image from a Dockerfile with pinned bases and an unprivileged user', () => {
    const built = services.filter(([, service]) => service.build)
    expect(built.length).toBeGreaterThan(0)
    for (const [name, { build }] of built) expect(existsSync(join(root, build!.dockerfile)), name).toBe(true)
    const dockerfile = readFileSync(join(root, 'docker/Dockerfile'), 'utf8')
    for (const [, image] of dockerfile.matchAll(/^FROM (\S+)/gm)) expect(image).toMatch(/:\d+\.\d+\.\d+/)
    expect(dockerfile).toMatch(/^USER node$/m)
  })

  it.each(services.filter(([, { command }]) => command && String(command).includes('--target')))(
    '%s: works on a target that the config has',
    (_name, { command }) => {
      const words = [command!].flat()
      const target = words[words.indexOf('--target') + 1]!.replace(/^\$\{TPCTL_TARGET:-(.*)\}$/, '$1')
      const config = readFileSync(join(root, 'tpctl.config.ts'), 'utf8')
      expect(config).toMatch(new RegExp(`^ {4}'?${target}'?: \\{`, 'm'))
    },
  )

  const hasCompose = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0
  it.skipIf(!hasCompose)('is accepted by docker compose config', () => {
    for (const profile of [[], ['--profile', 'enterprise']])
      execFileSync('docker', [
        'compose',
        '-f',
        join(root, 'docker-compose.yml'),
        ...profile,
        'config',
        '--quiet',
      ])
  })
})
