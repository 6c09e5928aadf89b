import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { UserError } from '../dialect/user_error.js'

export interface YamlFileOptions {
  /** Codes of its errors begin so: `SMOKE_FILE` makes SMOKE_FILE_MISSING and SMOKE_FILE_INVALID. */
  code: string
  /** What the file is, for the message: `the smoke checks`. */
  what: string
  suggestion: string
  /** How errors name it; default: the path. */
  shownAs?: string
}

export interface YamlFile<T> {
  value: T
  /** `file:line:column` of a part of it. */
  where(path: PropertyKey[]): string
}

/**
 * Reads a YAML file and checks its shape.
 * @throws UserError <code>_MISSING, <code>_INVALID, the latter with file, line and column
 */
export function readYamlFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  options: YamlFileOptions,
): YamlFile<z.output<Schema>> {
  const { code, what, suggestion, shownAs = path } = options
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UserError(`${code}_MISSING`, `Cannot read ${what} in ${shownAs}`, { cause, suggestion })
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${shownAs}:${line}:${col}`
  }
  const [error] = document.errors
  if (error) {
    throw new UserError(`${code}_INVALID`, `Not valid YAML: ${error.message.split('\n')[0]}`, {
      where: at(error.pos[0]),
    })
  }
  const where = (inside: PropertyKey[]): string => {
    // The nearest part that stands in the file: what is missing has no place of its own.
    for (let depth = inside.length; depth > 0; depth--) {
      const node = document.getIn(inside.slice(0, depth), true) as
        | { range?: [number, number, number] }
        | undefined
      if (node?.range) return at(node.range[0])
    }
    return shownAs
  }
  const parsed = schema.safeParse(document.toJS())
  if (!parsed.success) {
    const { issues } = parsed.error
    // A word that is misspelt is the reason for the one that is missing.
    const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!
    throw new UserError(`${code}_INVALID`, `${issue.path.join('.') || 'the file'}: ${issue.message}`, {
      where: where(issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path),
    })
  }
  return { value: parsed.data, where }
}
