const TEXT = /^(?:low_?cardinality\()?(?:nullable\()?string\)*$/i

/** Names of the columns that hold strings; types as Proton or as the store spells them. */
export function textColumns(columns: readonly { name: string; type: string }[]): string[] {
  return columns.filter(({ type }) => TEXT.test(type)).map(({ name }) => name)
}
