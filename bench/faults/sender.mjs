// One application that tracks with the unmodified @segment/analytics-node, and keeps a ledger of what was acknowledged.
//
//   node sender.mjs FOLDER URL KEY LEDGER NAME     FOLDER: where the SDK is installed
//
// Makes calls until standard input ends; every call names itself in its context. The SDK retries by itself, and calls
// back when a call was delivered, or given up. Prints one JSON object as sender.py does.

import { openSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'

const [folder, url, key, ledger, name] = process.argv.slice(2)
const { Analytics } = createRequire(`${folder}/package.json`)('@segment/analytics-node')
const analytics = new Analytics({ writeKey: key, host: url, flushAt: 50, flushInterval: 100, maxRetries: 1000 })
analytics.on('error', () => {}) // told to the callback too

const file = openSync(ledger, 'a')
const people = 500
const most = 2000 // calls under way
let made = 0, acknowledged = 0, givenUp = 0, error = null

function delivered(call) {
  return (failure) => {
    if (failure) {
      givenUp++
      error = String(failure.reason ?? failure)
    } else {
      acknowledged++
      writeSync(file, `${(Date.now() / 1000).toFixed(3)} ${call}\n`)
    }
  }
}

function make() {
  const call = `${name}-${made++}`
  const person = Math.floor(Math.random() * people)
  const [userId, anonymousId, context] = [`user-${person}`, `anon-${person}`, { call }]
  const chance = Math.random()
  if (chance < 0.1) {
    const traits = { email: `person${person}@company${person % 25}.example`, plan: call }
    analytics.identify({ userId, anonymousId, traits, context }, delivered(call))
  } else if (chance < 0.3) {
    analytics.page({ anonymousId, name: 'Pricing', context }, delivered(call))
  } else {
    const properties = { feature: 'boards' }
    analytics.track({ userId, event: 'Feature Used', properties, context }, delivered(call))
  }
}

const timer = setInterval(() => {
  for (let number = 0; number < 10 && made - acknowledged - givenUp < most; number++) make()
}, 20)
process.stdin.resume()
process.stdin.on('end', async () => {
  clearInterval(timer)
  await analytics.closeAndFlush()
  console.log(JSON.stringify({ made, acknowledged, given_up: givenUp, error }))
})
