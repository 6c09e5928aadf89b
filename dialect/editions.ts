/** The engines that one project can be compiled for. */
export type Edition = 'embedded' | 'oss-1.6' | 'oss-3' | 'enterprise'

export const EDITIONS: readonly Edition[] = ['embedded', 'oss-1.6', 'oss-3', 'enterprise']
