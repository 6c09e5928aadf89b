import { describe, expect, it } from 'vitest'
import { splitStatements } from '../../../cli/console/statements.js'

describe('splitting typed text into statements', () => {
  it.each([
    ['select 1; select 2;', ['select 1', 'select 2'], ''],
    ['select 1', [], 'select 1'],
    ["select 'a;b';", ["select 'a;b'"], ''],
    ["select 'it\\'s;';", ["select 'it\\'s;'"], ''],
    ['select 1 -- ; not here\n;', ['select 1 -- ; not here'], ''],
    ['select /* ; */ 1;', ['select /* ; */ 1'], ''],
    ['create function f as $$ a; b; $$;', ['create function f as $$ a; b; $$'], ''],
    [';;;', [], ''],
  ])('%j', (text, complete, rest) => {
    expect(splitStatements(text)).toEqual({ complete, rest })
  })

  it.each(["select 'open;", 'select `open;', '/* open;', 'select $$ open;'])(
    'waits for the end of %j',
    (text) => {
      expect(splitStatements(text)).toEqual({ complete: [], rest: text })
    },
  )
})
