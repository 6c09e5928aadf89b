import type { Rule } from '../rule.js'

export const udfDoesIo: Rule = {
  code: 'UDF_DOES_IO',
  severity: 'error',
  title: 'a JavaScript function that needs what the engine does not have',
  why: 'JavaScript runs in a bare V8: no fetch, no timers, no require, no files. A function returns its answers at once; a Promise is no answer, and the view fails with error 2533 or 2504.',
  fix: 'Make it a remote function (defineRemote): that runs in the gateway, where all this exists.',
  failing: {
    sql: `CREATE FUNCTION price_of(symbol string) RETURNS float64 LANGUAGE JAVASCRIPT AS $$
async function price_of(symbols) {
  return Promise.all(symbols.map(async (symbol) => (await fetch('https://example.com/' + symbol)).json()))
}
$$;`,
  },
  passing: {
    sql: `CREATE FUNCTION shout(words string) RETURNS string LANGUAGE JAVASCRIPT AS $$
function shout(words) {
  // fetch() has no place here
  return words.map((word) => word.toUpperCase() + ' (no setTimeout)')
}
$$;`,
  },
  *check({ objects }) {
    for (const object of objects) {
      const { statement } = object
      if (statement.kind !== 'create_function' || statement.body.language !== 'javascript') continue
      const used = [
        ...new Set([...bareCode(statement.body.source).matchAll(ABSENT)].map((match) => match[0].trim())),
      ]
      if (used.length > 0)
        yield { object, message: `${object.name} uses ${used.join(', ')}, which the engine does not have.` }
    }
  },
}

/** Names that mean something only outside of the engine; not as members of something else. */
const ABSENT =
  /(?<![.\w$])(?:fetch|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|XMLHttpRequest|WebSocket|require|process|Deno|Buffer)(?=\s*[.(])|(?<![.\w$])(?:async\s+function|await)\b|(?<![.\w$])async(?=\s*\()/g

/** Code without comments and the text of strings. */
function bareCode(source: string): string {
  return source.replace(
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g,
    (part) => (part.startsWith('`') ? templateCode(part) : ' '),
  )
}

/** What a template computes is code. */
function templateCode(template: string): string {
  return [...template.matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]).join(' ')
}
