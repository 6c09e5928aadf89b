// Listeners of Apache Kafka that ask who comes: what they are called, and what the server's properties say of them.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Who may log in, as tests/kafka/secured_broker.ts knows it. */
export const USER = { username: 'shop', password: 's3cret-of-the-shop!' }

/** Names of the listeners by what tests call them, with Kafka's name of the protocol. */
export const LISTENERS = {
  saslSsl: ['SASLSSL', 'SASL_SSL'],
  saslPlaintext: ['SASLPLAIN', 'SASL_PLAINTEXT'],
  mutualTls: ['MUTUAL', 'SSL'],
  otherName: ['OTHER', 'SSL'],
}

/** Certificates made for this run: of localhost, and of a name that nothing is called. Undefined without openssl. */
export function makeCertificates(dir) {
  const own = certificate(dir, 'own', 'DNS:localhost,IP:127.0.0.1')
  const other = certificate(dir, 'other', 'DNS:broker.example')
  return own && other ? { own, other } : undefined
}

function certificate(dir, name, names) {
  const [cert, key, both] = ['cert', 'key', 'both'].map((part) => join(dir, `${name}-${part}.pem`))
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`]
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert]
  if (spawnSync('openssl', [...args, ...subject]).status !== 0) return undefined
  writeFileSync(both, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'))
  return { cert, key, both }
}

/** For server.properties. */
export function securedProperties({ own, other }) {
  const module = 'org.apache.kafka.common.security'
  const login = (listener) => `
listener.name.${listener}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.${listener}.plain.sasl.jaas.config=${module}.plain.PlainLoginModule required user_${USER.username}="${USER.password}";
listener.name.${listener}.scram-sha-256.sasl.jaas.config=${module}.scram.ScramLoginModule required;
listener.name.${listener}.scram-sha-512.sasl.jaas.config=${module}.scram.ScramLoginModule required;`
  const shows = (listener, { both }) => `
listener.name.${listener}.ssl.keystore.type=PEM
listener.name.${listener}.ssl.keystore.location=${both}`
  return `inter.broker.listener.name=PLAINTEXT
${login('saslssl')}${shows('saslssl', own)}
${login('saslplain')}
${shows('mutual', own)}
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location=${own.cert}
${shows('other', other)}
`
}

/** For the tool that formats the storage: SCRAM's half of the password is kept there. */
export function scramArguments() {
  return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${USER.username},password=${USER.password}]`,
  ])
}
