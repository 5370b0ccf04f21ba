// Runs the unit tests and ends with the one line that the build counts.
import { startVitest } from 'vitest/node'

const vitest = await startVitest('test', process.argv.slice(2), { watch: false })
let passed = 0,
  failed = 0,
  skipped = 0
for (const file of vitest.state.getTestModules()) {
  if (file.state() === 'failed' && [...file.children.allTests()].length === 0) failed++
  for (const test of file.children.allTests()) {
    const state = test.result().state
    if (state === 'passed') passed++
    else if (state === 'failed') failed++
    else skipped++
  }
}
await vitest.close()
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed ? 1 : 0)
