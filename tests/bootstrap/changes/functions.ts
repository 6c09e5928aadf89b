import { type ChangeCase, SINCE_3 } from './case.js'

const js = (factor: number) =>
  `CREATE FUNCTION f_N(x float64) RETURNS float64 LANGUAGE JAVASCRIPT AS $$ function f_N(xs) { return xs.map((x) => x * ${factor}) } $$`
const aggregate = (start: number) =>
  `CREATE AGGREGATE FUNCTION f_N(x float64) RETURNS float64 LANGUAGE JAVASCRIPT AS $$ { initialize: function () { this.sum = ${start} }, process: function (xs) { for (const x of xs) this.sum += x }, finalize: function () { return this.sum }, serialize: function () { return String(this.sum) }, deserialize: function (s) { this.sum = Number(s) }, merge: function (s) { this.sum += Number(s) } } $$`
const remote = (path: string) =>
  `CREATE REMOTE FUNCTION f_N(x string) RETURNS string URL 'http://127.0.0.1:9/${path}' AUTH_METHOD 'none'`

export const FUNCTIONS: ChangeCase[] = [
  {
    kind: 'function',
    what: 'another expression',
    before: 'CREATE FUNCTION f_N AS (x) -> x * 2',
    after: 'CREATE FUNCTION f_N AS (x) -> x * 3',
    expected: { 'f_N()': 'replace safe' },
    sends: { 'f_N()': ['CREATE OR REPLACE FUNCTION f_N AS x -> x * 3'] },
  },
  {
    kind: 'function',
    what: 'OR REPLACE, and brackets',
    before: 'CREATE FUNCTION f_N AS (x) -> x * 2',
    after: 'CREATE OR REPLACE FUNCTION f_N AS x -> (x * 2)',
    expected: {},
  },
  {
    kind: 'function',
    what: 'other JavaScript',
    before: js(2),
    after: js(3),
    expected: { 'f_N()': 'replace safe' },
  },
  {
    kind: 'function',
    what: 'other JavaScript of an aggregate',
    before: aggregate(0),
    after: aggregate(1),
    expected: { 'f_N()': 'replace safe' },
  },
  {
    kind: 'function',
    what: 'a remote one moves',
    before: remote('a'),
    after: remote('b'),
    expected: { 'f_N()': 'replace safe' },
  },
  {
    kind: 'function',
    what: 'SQL becomes JavaScript',
    before: 'CREATE FUNCTION f_N AS (x) -> x * 2',
    after: js(2),
    expected: { 'f_N()': 'replace safe' },
  },
  {
    kind: 'function',
    what: 'one that a view calls: the view stays',
    before: `CREATE STREAM s_N (x float64); ${js(2)}; CREATE VIEW v_N AS SELECT f_N(x) AS y FROM s_N`,
    after: `CREATE STREAM s_N (x float64); ${js(3)}; CREATE VIEW v_N AS SELECT f_N(x) AS y FROM s_N`,
    expected: { 'f_N()': 'replace safe' },
  },
  {
    kind: 'function',
    what: 'other Python',
    before: 'CREATE FUNCTION f_N(x int32) RETURNS int32 LANGUAGE PYTHON AS $$ def f_N(x): return x $$',
    after: 'CREATE FUNCTION f_N(x int32) RETURNS int32 LANGUAGE PYTHON AS $$ def f_N(x): return [1] $$',
    editions: SINCE_3,
    expected: { 'f_N()': 'replace safe' },
  },
  {
    kind: 'function',
    what: 'taken away',
    before: 'CREATE FUNCTION f_N AS (x) -> x * 2; CREATE STREAM s_N (x int32)',
    after: 'CREATE STREAM s_N (x int32)',
    expected: { 'f_N()': 'drop destructive' },
  },
]
