import type { Join } from '../../../dialect/index.js'
import { joinsIn } from '../find.js'
import type { Semantic } from '../relations.js'
import type { Found, LintContext, Rule } from '../rule.js'

/** Joins that a streaming query refuses; error 48 when the view is created. */
export const joinUnsupported: Rule = {
  code: 'JOIN_UNSUPPORTED',
  severity: 'error',
  title: 'a join that the engine refuses',
  why: 'Streaming joins are INNER or LEFT, and the left side drives them: RIGHT, CROSS, SEMI do not exist, FULL and ANTI only on newer editions, a stream of keyed rows cannot be joined to a plain append stream on its right, and ASOF and LATEST need an append stream on the left and an append or keyed one on the right.',
  fix: 'Turn the sides round, use LEFT or INNER, or read one side as it is now with table(…).',
  failing: {
    sql: `CREATE MUTABLE STREAM prices (symbol string, price float64) PRIMARY KEY symbol SETTINGS ttl_seconds = 86400;
CREATE STREAM trades (symbol string, amount float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE VIEW priced AS
SELECT t.symbol AS symbol, t.amount AS amount, p.price AS price
FROM prices AS p LEFT JOIN trades AS t ON p.symbol = t.symbol;`,
  },
  passing: {
    sql: `CREATE MUTABLE STREAM prices (symbol string, price float64) PRIMARY KEY symbol SETTINGS ttl_seconds = 86400;
CREATE STREAM trades (symbol string, amount float64) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE VIEW priced AS
SELECT t.symbol AS symbol, t.amount AS amount, p.price AS price
FROM trades AS t LEFT JOIN prices AS p ON t.symbol = p.symbol;`,
  },
  *check(context) {
    for (const object of context.objects) {
      for (const join of joinsIn(object.statement)) {
        const problem = problemOf(join, context)
        if (problem) yield { object, at: join.right, ...problem } satisfies Found
      }
    }
  },
}

const NEWER = new Set(['oss-3', 'enterprise'])

function problemOf(
  join: Join,
  { relations, edition }: LintContext,
): { message: string; fix?: string } | undefined {
  const [left, right] = [relations.semanticOf(join.left), relations.semanticOf(join.right)]
  if (left === 'bounded' && right !== undefined && right !== 'bounded')
    return {
      message: 'What is read once cannot stand to the left of a stream.',
      fix: 'Put the stream to the left, or read both sides with table(…).',
    }
  if (left === undefined || left === 'bounded') return undefined
  const strictness = join.strictness === 'any' ? 'latest' : (join.strictness ?? 'all')
  const words = `${strictness === 'all' ? '' : `${strictness.toUpperCase()} `}${join.join.toUpperCase()} JOIN`
  if (join.join === 'right' || join.join === 'cross' || strictness === 'semi')
    return { message: `There is no streaming ${words}.` }
  if (join.join === 'full' && !(NEWER.has(edition) && left === 'keyed' && right === 'keyed'))
    return { message: `A streaming ${words} needs Proton 3 or Enterprise, and keyed streams on both sides.` }
  if (strictness === 'anti')
    return NEWER.has(edition) ? undefined : { message: `${words} needs Proton 3 or Enterprise.` }
  if (right === undefined) return undefined
  return byMatrix(words, strictness, left, right)
}

function byMatrix(
  words: string,
  strictness: string,
  left: Semantic,
  right: Semantic,
): { message: string; fix?: string } | undefined {
  if (right === 'bounded')
    return strictness === 'all'
      ? undefined
      : {
          message: `There is no ${words} of a stream with what is read once.`,
          fix: 'Join the stream itself, without table(…), or use a plain JOIN.',
        }
  if (left !== 'append' && right === 'append')
    return {
      message: 'Keyed rows on the left cannot be joined to an append stream on the right.',
      fix: 'Put the append stream to the left: its rows are enriched with the keyed ones.',
    }
  if (strictness === 'all') return undefined
  if (left !== 'append') return { message: `${words} needs an append stream on the left.` }
  if (right === 'changelog')
    return {
      message: `${words} takes no changelog on the right.`,
      fix: 'Use a mutable or versioned_kv stream, or a plain JOIN.',
    }
  return undefined
}
