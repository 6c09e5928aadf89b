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

/** Starts a node that keeps its data in `dir`; resolves when it can be used. */
export async function startKafka(jars, dir) {
  const [port, controller] = await freePorts(2)
  const config = join(dir, 'server.properties')
  writeFileSync(config, properties(dir, port, controller))
  const java = (heap, main, ...args) => [
    `-Xmx${heap}`,
    '-XX:TieredStopAtLevel=1',
    '-cp',
    join(jars, '*'),
    main,
    ...args,
  ]
  const format = ['format', '-t', CLUSTER, '-c', config]
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
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const properties = (dir, port, controller) => `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
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
