/** Why a Kafka broker did not let a client in: with a stable code, and what to do next. */
export interface BrokerRefusal {
  code: 'BROKER_DENIED' | 'BROKER_UNTRUSTED' | 'BROKER_NAME' | 'BROKER_CLIENT_CERT' | 'BROKER_PROTOCOL'
  message: string
  suggestion: string
}

const UNTRUSTED =
  /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET)|CERT_(HAS_EXPIRED|NOT_YET_VALID|UNTRUSTED|REVOKED|SIGNATURE)|self.signed certificate|unable to (verify|get)|certificate has expired/i
const OTHER_NAME = /ERR_TLS_CERT_ALTNAME_INVALID|altnames/i
const WANTS_CERT =
  /ALERT_CERTIFICATE_REQUIRED|certificate required|ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)/i
const NO_TLS =
  /WRONG_VERSION_NUMBER|wrong version number|packet length too long|EPROTO|disconnected before secure TLS/i
const LOGIN = /SASL|AUTHORIZATION/i

/** What no patience helps against, read out of what kafkajs throws; undefined for everything else. */
export function brokerRefusal(error: unknown, brokers: string): BrokerRefusal | undefined {
  const said = wordsOf(error)
  if (OTHER_NAME.test(said))
    return {
      code: 'BROKER_NAME',
      message: `The certificate of the broker at ${brokers} is for another name.`,
      suggestion: 'Name the brokers as their certificate does, in `brokers` of the target.',
    }
  if (UNTRUSTED.test(said))
    return {
      code: 'BROKER_UNTRUSTED',
      message: `The certificate of the broker at ${brokers} cannot be trusted.`,
      suggestion: 'Give the certificate of who signed it: `kafka.ca` of the target in tpctl.config.ts.',
    }
  if (WANTS_CERT.test(said))
    return {
      code: 'BROKER_CLIENT_CERT',
      message: `The broker at ${brokers} does not accept the certificate of this client, or its lack.`,
      suggestion: 'Give `kafka.cert` and `kafka.key` of the target in tpctl.config.ts.',
    }
  if (NO_TLS.test(said))
    return {
      code: 'BROKER_PROTOCOL',
      message: `The broker at ${brokers} does not speak TLS.`,
      suggestion:
        'Set `kafka.securityProtocol` of the target to PLAINTEXT or SASL_PLAINTEXT, or name its TLS port.',
    }
  if (LOGIN.test(said))
    return {
      code: 'BROKER_DENIED',
      message: `The broker at ${brokers} refuses the login.`,
      suggestion: 'Check `kafka.username`, the password’s variable and `kafka.saslMechanism` of the target.',
    }
  return undefined
}

/** Names, codes and messages of an error and of what caused it. */
function wordsOf(error: unknown): string {
  const words: string[] = []
  for (let cause = error; cause instanceof Error && words.length < 40; cause = cause.cause) {
    const { code, type } = cause as Error & { code?: unknown; type?: unknown }
    words.push(cause.name, cause.message, String(code ?? ''), String(type ?? ''))
  }
  return words.join(' ')
}
