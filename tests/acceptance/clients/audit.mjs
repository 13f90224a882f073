// The audits of graphql-http against a running server: node audit.mjs URL KEY
// Prints one JSON object: how many audits ran, and what did not pass.

import { serverAudits } from 'graphql-http'

const [url, key] = process.argv.slice(2)
const audits = serverAudits({
  url: `${url}/graphql`,
  fetchFn: (input, init) => fetch(input, { ...init, headers: { authorization: `Bearer ${key}`, ...init?.headers } }),
})
const wrong = []
for (const audit of audits) {
  const result = await audit.fn()
  if (result.status !== 'ok') wrong.push(`${audit.name}: ${result.reason}`)
}
console.log(JSON.stringify({ audits: audits.length, wrong }))
process.exit(0)
