// @segment/analytics-node at work, unmodified but for its host.
//
//   node send.mjs URL KEY calls     every call once, then a batch; ends when the SDK says that all is sent
//   node send.mjs URL KEY steadily  numbered track calls until standard input ends
//
// Prints one JSON object at the end: how many numbered calls were made, and what the SDK called errors.

import { Analytics } from '@segment/analytics-node'

const [url, key, what] = process.argv.slice(2)
const errors = []
const analytics = new Analytics({ writeKey: key, host: url, flushInterval: 100 })
analytics.on('error', (error) => errors.push(`${error.code}: ${error.reason}`))

const scenarios = {
  async calls() {
    analytics.identify({ userId: 'u1', traits: { email: 'Ann@Example.com', name: 'Ann', createdAt: new Date(Date.UTC(2026, 0, 2)) } })
    analytics.identify({ anonymousId: 'anon-2', traits: { email: 'bob@example.com' } })
    analytics.track({
      userId: 'u1',
      event: 'Order Completed',
      properties: { order_id: 'o1', total: 12.5 },
      timestamp: new Date(Date.UTC(2026, 0, 5, 12)),
      context: { ip: '10.0.0.1' },
    })
    analytics.page({ userId: 'u1', category: 'Docs', name: 'Pricing', properties: { url: 'https://shop.example/pricing' } })
    analytics.screen({ userId: 'u1', category: 'App', name: 'Home', properties: { variation: 'blue' } })
    analytics.group({ userId: 'u1', groupId: 'acct-9', traits: { name: 'Initech', plan: 'pro' } })
    analytics.alias({ userId: 'u1', previousId: 'anon-1' })
    for (let number = 0; number < 100; number++) {
      analytics.track({ userId: `u${number % 10}`, event: 'Feature Used', properties: { number, feature: 'export' } })
    }
    return 100
  },

  steadily() {
    return new Promise((resolve) => {
      let number = 0
      const timer = setInterval(() => {
        analytics.track({ userId: `u${number % 7}`, event: 'Feature Used', properties: { number: number++ } })
      }, 50)
      process.stdin.resume()
      process.stdin.on('end', () => {
        clearInterval(timer)
        resolve(number)
      })
    })
  },
}

const made = await scenarios[what]()
await analytics.closeAndFlush()
console.log(JSON.stringify({ made, errors }))
