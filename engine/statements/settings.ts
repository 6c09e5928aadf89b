import { isKnownSetting } from '../../dialect/index.js'
import { EngineError } from '../errors.js'

/** Names that the engine takes besides those of the dialect's tables. */
const OWN =
  /^(?:input_format_|output_format_|format_|date_time_|max_|min_|optimize_|allow_|log_|http_|async_insert|insert_|enable_|idempotent_id$)/

/** Throws UNKNOWN_SETTING (115). */
export function checkQuerySettings(settings: Record<string, string>): void {
  for (const name of Object.keys(settings)) {
    if (!isKnownSetting(name) && !OWN.test(name)) {
      throw new EngineError('UNKNOWN_SETTING', `Unknown setting ${name}`)
    }
  }
}
