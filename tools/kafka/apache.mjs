// Apache Kafka on this machine: one node, KRaft, on free ports of loopback. Its jars are fetched once by Maven into
// the user's cache folder.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LISTENERS, makeCertificates, scramArguments, securedProperties } from './secured.mjs'

const POM = fileURLToPath(new URL('pom.xml', import.meta.url))
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
/** Kafka 3.9 asks for Java 11 or later. */
const MIN_JAVA = 11
const CLUSTER = 'dHBjdGwta2Fma2EtdGVzdA'

/** Why Kafka cannot be had here; undefined where it can. */
export function whatIsMissing() {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' })
  const version = Number(/version "(\d+)/.exec(java.stderr ?? '')?.[1])
  if (java.status !== 0 || !(version >= MIN_JAVA)) return `no Java ${MIN_JAVA} or later on PATH`
  if (existsSync(jarsFolder())) return undefined
  return spawnSync('mvn', ['--version']).status === 0
    ? undefined
    : 'no Maven on PATH to fetch Apache Kafka with'
}

function jarsFolder() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const wanted = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12)
  return join(cache, 'tpctl', `kafka-${wanted}`)
}

/** The folder of the jars; throws where Maven cannot fetch them. */
export function fetchJars() {
  const folder = jarsFolder()
  if (existsSync(folder)) return folder
  // Whole or not at all: a fetch that is cut short leaves nothing that is taken for Kafka later.
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  const { status, stdout, stderr } = spawnSync(
    'mvn',
    ['-q', '-B', '-f', POM, COPY, `-DoutputDirectory=${unfinished}`],
    {
      encoding: 'utf8',
    },
  )
  if (status !== 0) {
    rmSync(unfinished, { recursive: true, force: true })
    throw new Error(`Maven could not fetch Apache Kafka: ${(stdout + stderr).trim().split('\n')[0]}`)
  }
  renameSync(unfinished, folder)
  return folder
}

/**
 * Starts a node that keeps its data in `dir`; resolves when it can be used. Besides the listener that lets everybody
 * in there are those of secured.mjs, where openssl can make certificates.
 */
export async function startKafka(jars, dir) {
  const names = Object.keys(LISTENERS)
  const [port, controller, ...ports] = await freePorts(2 + names.length)
  const certificates = makeCertificates(dir)
  const secured = certificates ? Object.fromEntries(names.map((name, at) => [name, ports[at]])) : {}
  const config = join(dir, 'server.properties')
  writeFileSync(
    config,
    properties(dir, port, controller, secured) + (certificates ? securedProperties(certificates) : ''),
  )
  const java = (heap, main, ...args) => [
    `-Xmx${heap}`,
    '-XX:TieredStopAtLevel=1',
    '-cp',
    join(jars, '*'),
    main,
    ...args,
  ]
  const format = ['format', '-t', CLUSTER, '-c', config, ...(certificates ? scramArguments() : [])]
  const formatted = spawnSync('java', java('64m', 'kafka.tools.StorageTool', ...format), { encoding: 'utf8' })
  if (formatted.status !== 0) throw new Error(`Kafka's storage cannot be formatted: ${formatted.stderr}`)
  const child = spawn('java', java('512m', 'kafka.Kafka', config), { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const output of [child.stdout, child.stderr])
    output.on('data', (data) => (said = (said + data).slice(-4000)))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const deadline = Date.now() + 60_000
  while (!(await listens(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`Apache Kafka did not start: ${said}`)
    }
    await sleep(100)
  }
  return {
    brokers: `127.0.0.1:${port}`,
    ...(certificates ? { secured: told(secured, certificates) } : {}),
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Addresses of the secured listeners, and the files that their clients need. */
function told(secured, { own, other }) {
  const listeners = Object.entries(secured).map(([name, port]) => [name, `127.0.0.1:${port}`])
  const files = { ca: own.cert, cert: own.cert, key: own.key, otherCa: other.cert }
  return { ...Object.fromEntries(listeners), files }
}

const properties = (dir, port, controller, secured) => {
  const open = [['PLAINTEXT', 'PLAINTEXT', port]]
  const closed = Object.entries(secured).map(([name, own]) => [...LISTENERS[name], own])
  const all = [...open, ...closed]
  const listeners = all.map(([name, , own]) => `${name}://127.0.0.1:${own}`)
  const protocols = all.map(([name, protocol]) => `${name}:${protocol}`)
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
controller.listener.names=CONTROLLER
listeners=${listeners},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=${listeners}
listener.security.protocol.map=${protocols},CONTROLLER:PLAINTEXT
log.dirs=${join(dir, 'data')}
log.retention.ms=-1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=100
`
}

async function freePorts(count) {
  const servers = []
  for (let i = 0; i < count; i++) {
    const server = createServer()
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    servers.push(server)
  }
  const ports = servers.map((server) => server.address().port)
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  return ports
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
