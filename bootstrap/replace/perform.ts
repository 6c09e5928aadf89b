import type { Site } from '../site.js'
import { abandon, finish, sweep } from './finish.js'
import { rebuild } from './rebuild.js'
import type { ReplaceTask } from './task.js'

export async function performTask(task: ReplaceTask, site: Site): Promise<void> {
  switch (task.task) {
    case 'rebuild':
      return rebuild(task, site)
    case 'finish':
      return finish(site, task.note, task.readers)
    case 'abandon':
      return abandon(site, task.note)
    case 'sweep':
      return sweep(site, task.note)
  }
}
