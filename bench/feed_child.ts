/** `feed-tokens` in a process of its own, so that its memory can be told from that of everything else. */
import { ProtonClient } from '../driver/index.js'
import { feedTokens } from '../scripts/index.js'

process.once(
  'message',
  async ({ url, streamUrl, file }: { url: string; streamUrl: string; file: string }) => {
    const client = new ProtonClient({ url, streamUrl })
    const summary = await feedTokens({ client, list: 'all', source: 'file', file })
    await client.close()
    process.send!({ ...summary, rss: process.resourceUsage().maxRSS / 1024 }, () => process.exit(0))
  },
)
