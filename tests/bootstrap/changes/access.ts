import type { ChangeCase } from './case.js'

const user = (password: string, more = '') =>
  `CREATE USER u_N IDENTIFIED WITH sha256_password BY '${password}'${more}`
const policy = (using: string, to = 'r_N') =>
  `CREATE STREAM s_N (id int32); CREATE ROLE r_N; CREATE ROLE q_N; CREATE ROW POLICY p_N ON s_N FOR SELECT USING ${using} TO ${to}`
const granted = (...grants: string[]) =>
  ['CREATE STREAM s_N (id int32, name string)', 'CREATE ROLE r_N', 'CREATE ROLE q_N', ...grants].join('; ')

export const ACCESS: ChangeCase[] = [
  {
    kind: 'user',
    what: 'another password: sent, shown to nobody',
    before: user('first of _N'),
    after: user('second of _N'),
    expected: { 'user:u_N': 'replace safe' },
    sends: {
      'user:u_N': [
        "ALTER USER u_N IDENTIFIED WITH sha256_password BY 'second of _N' HOST ANY DEFAULT ROLE ALL",
      ],
    },
  },
  {
    kind: 'user',
    what: 'the same password, IF NOT EXISTS',
    before: user('only'),
    after: "create user if not exists u_N identified with SHA256_PASSWORD by 'only'",
    expected: {},
  },
  {
    kind: 'user',
    what: 'a default role',
    before: `CREATE ROLE r_N; ${user('only')}; GRANT r_N TO u_N`,
    after: `CREATE ROLE r_N; ${user('only', ' DEFAULT ROLE r_N')}; GRANT r_N TO u_N`,
    expected: { 'user:u_N': 'replace safe' },
  },
  {
    kind: 'role',
    what: 'taken away with what it was granted',
    before: granted('GRANT SELECT ON s_N TO r_N'),
    after: 'CREATE STREAM s_N (id int32, name string); CREATE ROLE q_N',
    expected: { 'role:r_N': 'drop destructive', 'grant:r_N': 'drop destructive' },
  },
  {
    kind: 'row_policy',
    what: 'another condition',
    before: policy('id > 1'),
    after: policy('id > 2'),
    expected: { 'row_policy:p_N ON s_N': 'replace safe' },
    sends: {
      'row_policy:p_N ON s_N': ['ALTER ROW POLICY p_N ON s_N AS PERMISSIVE USING id > 2 TO r_N'],
    },
  },
  {
    kind: 'row_policy',
    what: 'for others too',
    before: policy('id > 1'),
    after: policy('id > 1', 'r_N, q_N'),
    expected: { 'row_policy:p_N ON s_N': 'replace safe' },
  },
  {
    kind: 'row_policy',
    what: 'taken away',
    before: policy('id > 1'),
    after: 'CREATE STREAM s_N (id int32); CREATE ROLE r_N; CREATE ROLE q_N',
    expected: { 'row_policy:p_N ON s_N': 'drop destructive' },
  },
  {
    kind: 'grant',
    what: 'a right more',
    before: granted('GRANT SELECT ON s_N TO r_N'),
    after: granted('GRANT SELECT, INSERT ON s_N TO r_N'),
    expected: { 'grant:r_N': 'replace safe' },
    sends: { 'grant:r_N': ['GRANT INSERT ON s_N TO r_N'] },
  },
  {
    kind: 'grant',
    what: 'a right less, of one column',
    before: granted('GRANT SELECT(id, name) ON s_N TO r_N', 'GRANT INSERT ON s_N TO r_N'),
    after: granted('GRANT SELECT(id) ON s_N TO r_N', 'GRANT INSERT ON s_N TO r_N'),
    expected: { 'grant:r_N': 'replace safe' },
  },
  {
    kind: 'grant',
    what: 'rights in other statements and another order',
    before: granted('GRANT SELECT, INSERT ON s_N TO r_N, q_N'),
    after: granted(
      'GRANT INSERT ON s_N TO r_N',
      'GRANT SELECT ON s_N TO q_N, r_N',
      'GRANT INSERT ON s_N TO q_N',
    ),
    expected: { 'grant:r_N': 'create safe', 'grant:q_N': 'create safe' },
    sends: { 'grant:r_N': [], 'grant:q_N': [] },
  },
  {
    kind: 'grant',
    what: 'may be handed on no more',
    before: granted('GRANT SELECT ON s_N TO r_N WITH GRANT OPTION'),
    after: granted('GRANT SELECT ON s_N TO r_N'),
    expected: { 'grant:r_N': 'replace safe' },
    sends: { 'grant:r_N': ['REVOKE GRANT OPTION FOR SELECT ON s_N FROM r_N'] },
  },
  {
    kind: 'grant',
    what: 'a role instead of rights',
    before: granted('GRANT SELECT ON s_N TO r_N', 'GRANT INSERT ON s_N TO q_N'),
    after: granted('GRANT q_N TO r_N', 'GRANT INSERT ON s_N TO q_N'),
    expected: { 'grant:r_N': 'replace safe' },
    sends: { 'grant:r_N': ['GRANT q_N TO r_N', 'REVOKE SELECT ON s_N FROM r_N'] },
  },
]
