import stringWidth from 'string-width'

/** Characters that are counted at once: what `stringWidth` takes grows by the square of them. */
const PART = 200

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  if (text.length <= PART) return stringWidth(text)
  let width = 0
  for (let at = 0; at < text.length; at += PART) width += stringWidth(text.slice(at, at + PART))
  return width
}
