/** A continuous query's plan as text: its operators, in the words that Proton has for such steps. */
import type { Join, Select } from '../../dialect/ast.js'
import { printExpr } from '../../dialect/index.js'
import type { AggregateSplit } from '../planner/index.js'
import { AnswerAggregate } from './answer_aggregate.js'
import { ArrayJoinSource } from './array_join.js'
import { Changelog } from './changelog.js'
import { ChangelogJoin } from './changelog_join.js'
import { Dedup } from './dedup.js'
import type { EmitPolicy } from './emit.js'
import { EnrichJoin } from './enrich_join.js'
import { GlobalAggregate } from './global_aggregate.js'
import { Limit, LimitBy } from './limit.js'
import { LookBack } from './look_back.js'
import type { Operator, Source } from './operator.js'
import { Project } from './project.js'
import { RetractState } from './retract_state.js'
import { JoinedChangelog, LiveSide } from './rows_of.js'
import { Scan } from './scan.js'
import { SessionAggregate } from './session_aggregate.js'
import { SessionAssign } from './session_assign.js'
import { OperatorSource } from './source.js'
import { StreamJoin } from './stream_join.js'
import { SubstreamWindows } from './substream_windows.js'
import { Union } from './union.js'
import { WindowAggregate } from './window_aggregate.js'
import { WindowAssign } from './window_assign.js'

/** A step, and the steps whose rows it takes. */
interface Step {
  text: string
  inputs: Step[]
}

const step = (text: string, ...inputs: Step[]): Step => ({ text, inputs })

/** The step that gives the result first, what it takes indented below it. LIMIT and OFFSET of the root stand beside it. */
export function planLines(root: Operator, limit: number | undefined, offset: number): string[] {
  const result = ofOperator(root)
  return lines(limit === undefined && offset === 0 ? result : limited(limit, offset, result), '')
}

function lines({ text, inputs }: Step, indent: string): string[] {
  return [indent + text, ...inputs.flatMap((input) => lines(input, `${indent}  `))]
}

function ofOperator(operator: Operator): Step {
  if (operator instanceof Scan) return step(`ReadFromStorage (${operator.described})`)
  if (operator instanceof Project) return projected(operator.select, ofSource(operator.source))
  if (operator instanceof LookBack) return lookedBack(operator)
  if (operator instanceof Limit) return limited(operator.limit, operator.offset, ofOperator(operator.child))
  if (operator instanceof LimitBy) {
    const { limit, offset, keys } = operator
    const skipped = offset === 0 ? '' : ` OFFSET ${offset}`
    return step(`LimitBy (LIMIT ${limit}${skipped} BY ${counted(keys, 'key')})`, ofOperator(operator.child))
  }
  if (operator instanceof Dedup) return deduplicated(operator)
  if (operator instanceof Changelog) return changes(operator)
  if (operator instanceof WindowAssign || operator instanceof SessionAssign) {
    const windows = `StreamingWindowAssignmentStep (${operator.written})`
    return step('WatermarkStep', step(windows, ofOperator(operator.child)))
  }
  if (operator instanceof Union) return step('Union', ...operator.children.map(ofOperator))
  if (operator instanceof AnswerAggregate) {
    const { select, source } = operator
    return step(`StreamingAggregating (${grouped(select)}; each answer by itself)`, ...ofSource(source))
  }
  return ofAggregation(operator) ?? ofPassing(operator)
}

function ofAggregation(operator: Operator): Step | undefined {
  if (operator instanceof GlobalAggregate) {
    const kept = operator.state instanceof RetractState ? 'rows in force kept' : 'partial aggregates kept'
    const policy = `${emission(operator.policy)}, ${kept}`
    return aggregated('StreamingAggregating', operator.state.split, policy, operator.source)
  }
  if (operator instanceof WindowAggregate) {
    const policy = emission(operator.policy)
    return aggregated('StreamingAggregating', operator.state.split, policy, operator.source)
  }
  if (operator instanceof SessionAggregate) {
    return aggregated('StreamingAggregating', operator.state.split, emission(operator.policy), operator.from)
  }
  if (operator instanceof SubstreamWindows) {
    const policy = `${emission(operator.policy)}, a watermark per ${operator.keys.length > 1 ? 'keys' : 'key'}`
    const from = new OperatorSource(operator.assign)
    return aggregated('StreamingAggregatingWithSubstream', operator.state.split, policy, from)
  }
  return undefined
}

/** What only keeps rows for others, or holds them back, is no step of its own. */
function ofPassing(operator: Operator): Step {
  if (operator instanceof LiveSide) return ofSource(operator.rows.source)[0]!
  return ofOperator(operator.children[0]!)
}

function ofSource(source: Source): Step[] {
  if (source instanceof OperatorSource) return [ofOperator(source.operator)]
  if (source instanceof ArrayJoinSource) return [step('ArrayJoin (ARRAY JOIN)', ...ofSource(source.left))]
  if (source instanceof JoinedChangelog) return ofSource(source.rows.source)
  if (source instanceof EnrichJoin) {
    const { join, left, right } = source
    const fed = right.operators?.map(ofOperator) ?? [step(right.described)]
    return [joined(join, 'left rows look up right ones', ...ofSource(left.source), ...fed)]
  }
  if (source instanceof StreamJoin) {
    const { join, left, right } = source
    const sides = [...ofSource(left.from.source), ...ofSource(right.from.source)]
    return [joined(join, 'rows of both sides kept', ...sides)]
  }
  if (source instanceof ChangelogJoin) {
    const { join, left, right } = source
    return [joined(join, 'rows in force of both sides kept', ofOperator(left), ofOperator(right))]
  }
  return source.operators.map(ofOperator)
}

function projected(select: Select, inputs: Step[]): Step {
  const read = filtered(select, 'WHERE', inputs)
  if (!select.orderBy) return step('Expression ((Projection + Before ORDER BY))', ...read)
  const sorting = 'StreamingSorting (Streaming Sorting for ORDER BY)'
  return step('Expression (Projection)', step(sorting, step('Expression (Before ORDER BY)', ...read)))
}

function filtered(
  { where, prewhere }: Pick<Select, 'where' | 'prewhere'>,
  name: string,
  inputs: Step[],
): Step[] {
  return where || prewhere ? [step(`Filter (${name})`, ...inputs)] : inputs
}

function lookedBack({ select, distance, keys, filters, input }: LookBack): Step {
  const per = keys.length === 0 ? '' : ` per ${counted(keys, 'key')}`
  const window = `StreamingWindow (over the ${counted(distance, 'row')} before${per})`
  const read = filters ? [step('Filter (WHERE)', ofOperator(input))] : [ofOperator(input)]
  return projected({ ...select, where: undefined, prewhere: undefined }, [step(window, ...read)])
}

function limited(limit: number | undefined, offset: number, input: Step): Step {
  if (limit === undefined) return step(`StreamingOffset (OFFSET ${offset})`, input)
  return step(`StreamingLimit (LIMIT ${limit}${offset === 0 ? '' : ` OFFSET ${offset}`})`, input)
}

function deduplicated({ keys, limit, ttlMs, input }: Dedup): Step {
  if (limit === undefined) return step('Distinct (DISTINCT)', ofOperator(input))
  const age = ttlMs === undefined ? '' : ` for ${duration(ttlMs)}`
  const text = `DedupTransformStep (by ${counted(keys, 'key')}; ${limit} remembered${age})`
  return step(text, ofOperator(input))
}

function changes({ options, child }: Changelog): Step {
  if (options.hidden) return step('ChangelogTransformStep (answers before are retracted)', ofOperator(child))
  const by = options.keys.length === 0 ? '' : `by ${options.keys.join(', ')}; `
  return step(`ChangelogConvertTransformStep (${by}values before are retracted)`, ofOperator(child))
}

function aggregated(name: string, split: AggregateSplit, policy: string, source: Source): Step {
  const keys = split.keys.map(({ expr }) => expr).filter((expr) => expr.kind !== 'raw')
  const by = keys.length === 0 ? 'all rows' : `by ${keys.map((key) => printExpr(key)).join(', ')}`
  const read = filtered(split.partial, 'WHERE', ofSource(source))
  const groups = step(`${name} (${by}; ${policy})`, step('Expression (Before GROUP BY)', ...read))
  const { having, orderBy } = split.final({ sql: '', columns: [] })
  return projected({ ...NOTHING, orderBy }, filtered({ where: having }, 'HAVING', [groups]))
}

const NOTHING: Select = { kind: 'select', with: [], columns: [] }

function joined({ join, strictness = 'all' }: Join, how: string, ...sides: Step[]): Step {
  return step(`StreamingJoin (${join.toUpperCase()} ${strictness.toUpperCase()} JOIN; ${how})`, ...sides)
}

function grouped({ groupBy }: Select): string {
  return groupBy ? `by ${groupBy.map((key) => printExpr(key)).join(', ')}` : 'all rows'
}

function emission({ kind, periodMs, repeat, delayMs, timeoutMs }: EmitPolicy): string {
  const when = {
    window_close: 'emits after a window closes',
    periodic: `emits every ${duration(periodMs)}${repeat ? ' in any case' : ''}`,
    on_update: `emits what changed${periodMs === 0 ? '' : ` every ${duration(periodMs)}`}`,
  }[kind]
  const delay = delayMs === 0 ? '' : `, a delay of ${duration(delayMs)}`
  return when + delay + (timeoutMs === undefined ? '' : `, a timeout of ${duration(timeoutMs)}`)
}

function duration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`
}

function counted(what: number | readonly unknown[], name: string): string {
  const count = typeof what === 'number' ? what : what.length
  return `${count} ${name}${count === 1 ? '' : 's'}`
}
