// Usage: node run_upload_and_poll.mjs PHOTO — runs the specification's JavaScript example, unchanged,
// and prints what it returned or threw, and the calls that it made, as JSON.
import { readFileSync } from 'node:fs'
import { chosenFile, fetchFrom, token } from './server.mjs'

const example = readFileSync(new URL('specification_upload_and_poll.js', import.meta.url), 'utf8')
const calls = []
const log = { log: () => {} }
const build = new Function('token', 'fetch', 'console', `${example}\nreturn uploadAndPollStatus`)
const uploadAndPollStatus = build(token, fetchFrom(calls), log)

let outcome
try {
  outcome = { returned: await uploadAndPollStatus(chosenFile(process.argv[2])) }
} catch (error) {
  // `fetch` says no more than "fetch failed"; what happened to the connection is its cause.
  outcome = { threw: error.message, cause: String(error.cause ?? '') }
}
console.log(JSON.stringify({ ...outcome, calls }))
