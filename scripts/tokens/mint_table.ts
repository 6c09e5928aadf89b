import { MINT_BYTES } from './mint.js'

const BLOCK = 65_536

interface Block {
  mints: Uint8Array
  hashes: Uint32Array
  lines: Uint32Array
  flags: Uint8Array
}

/** The stream holds a row of this token. */
export const STORED = 1
/** The source brought this token in this run. */
export const SEEN = 2
/** The stored row stands for a token that is on the list. */
export const LISTED = 4

/**
 * What is known of each mint of a run: a hash of the stored row, where the source named it, and flags.
 * Keys are compared whole. A million mints take about 60 MB, where a Map of strings would take four times that.
 */
export class MintTable {
  #blocks: Block[] = []
  #index = new Int32Array(1 << 12).fill(-1)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The number of a mint's entry, made if it has none yet. */
  entry(mint: Uint8Array): number {
    if ((this.#size + 1) * 2 > this.#index.length) this.#grow()
    const mask = this.#index.length - 1
    let at = slotOf(mint, 0) & mask
    for (;;) {
      const id = this.#index[at]!
      if (id < 0) break
      if (this.#equals(id, mint)) return id
      at = (at + 1) & mask
    }
    const id = this.#size++
    if (id % BLOCK === 0) this.#blocks.push(newBlock())
    this.#block(id).mints.set(mint, (id % BLOCK) * MINT_BYTES)
    this.#index[at] = id
    return id
  }

  flags(id: number): number {
    return this.#block(id).flags[id % BLOCK]!
  }

  addFlags(id: number, flags: number): void {
    const block = this.#block(id)
    block.flags[id % BLOCK] = block.flags[id % BLOCK]! | flags
  }

  /** 64 bits of a digest of the row's content. */
  setHash(id: number, digest: Uint8Array): void {
    const view = new DataView(digest.buffer, digest.byteOffset, 8)
    this.#block(id).hashes.set([view.getUint32(0), view.getUint32(4)], (id % BLOCK) * 2)
  }

  sameHash(id: number, digest: Uint8Array): boolean {
    const view = new DataView(digest.buffer, digest.byteOffset, 8)
    const hashes = this.#block(id).hashes
    const at = (id % BLOCK) * 2
    return hashes[at] === view.getUint32(0) && hashes[at + 1] === view.getUint32(4)
  }

  /** The line on which the source first named the token. */
  line(id: number): number {
    return this.#block(id).lines[id % BLOCK]!
  }

  setLine(id: number, line: number): void {
    this.#block(id).lines[id % BLOCK] = line
  }

  #block(id: number): Block {
    return this.#blocks[(id / BLOCK) | 0]!
  }

  #equals(id: number, mint: Uint8Array): boolean {
    const { mints } = this.#block(id)
    const at = (id % BLOCK) * MINT_BYTES
    for (let i = 0; i < MINT_BYTES; i++) if (mints[at + i] !== mint[i]) return false
    return true
  }

  #grow(): void {
    const index = new Int32Array(this.#index.length * 2).fill(-1)
    const mask = index.length - 1
    for (let id = 0; id < this.#size; id++) {
      let at = slotOf(this.#block(id).mints, (id % BLOCK) * MINT_BYTES) & mask
      while (index[at]! >= 0) at = (at + 1) & mask
      index[at] = id
    }
    this.#index = index
  }
}

function newBlock(): Block {
  return {
    mints: new Uint8Array(BLOCK * MINT_BYTES),
    hashes: new Uint32Array(BLOCK * 2),
    lines: new Uint32Array(BLOCK),
    flags: new Uint8Array(BLOCK),
  }
}

/** FNV-1a over the whole mint: addresses may be vanity ones, alike at either end. */
function slotOf(bytes: Uint8Array, from: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < MINT_BYTES; i++) hash = Math.imul(hash ^ bytes[from + i]!, 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
