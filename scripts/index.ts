export {
  type DeadLetter,
  dropLetters,
  type LetterFilter,
  type LetterSummary,
  type ReplayResult,
  readLetters,
  replayInto,
  replayToTopic,
  summarizeLetters,
} from './dead_letters.js'
export { syntheticList, syntheticToken, writeSyntheticList } from './generate-tokens.js'
export { type SyntheticScansOptions, syntheticScans, writeSyntheticScans } from './generate-trending.js'
export { type AlertNews, type AlertState, type RunnableAlert, runAlerts } from './jobs/alert_runner.js'
export { Checkpoint } from './jobs/checkpoint.js'
export { type AlertLetter, asDeadLetter, LetterFolder, rowsOf, summarized } from './jobs/letters.js'
export { type RunnableTask, runTasks, type TaskEvent, type TaskState } from './jobs/task_runner.js'
export {
  type FeedTokensOptions,
  type FeedTokensProgress,
  type FeedTokensSummary,
  feedTokens,
  LIST_TABLES,
} from './tokens/feed.js'
export type { BanRow, TokenList, TokenRow } from './tokens/shapes.js'
export type { TokenSource } from './tokens/sources.js'
export { type FeedTrendingOptions, type FeedTrendingSummary, feedTrending } from './trending/feed.js'
export type { TrendingRecord } from './trending/record.js'
export type { TrendingSourceName } from './trending/sources.js'
