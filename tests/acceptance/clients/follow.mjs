// Unmodified GraphQL clients at work against a running server.
//
//   node follow.mjs CLIENT URL ADMIN_KEY SALES_KEY
//
// Each asks a query, sends a mutation, sees a proper error, and follows a person until it has seen a change that a
// tracked event caused. Prints one JSON object with what it saw.

import { setTimeout as pause } from 'node:timers/promises'

const [client, url, key, limited] = process.argv.slice(2)
const endpoint = `${url}/graphql`
const authorization = `Bearer ${key}`

const QUERY = 'query Find($value: String!) { profile(identifier: {kind: "user_id", value: $value}) { id displayName } }'
const MUTATION = `mutation Rename($id: ID!) {
  profileUpdate(input: {profile: $id, traits: {name: "Renamed by ${client}"}}) { profile { displayName } userErrors { code } }
}`
const WRONG = 'query Find($value: String!) { profile(identifier: {kind: "user_id", value: $value}) { id nothing } }'
const SUBSCRIPTION = 'subscription Follow($id: ID!) { profileChanged(id: $id) { id displayName buyerIntent { score } } }'
const value = `user-of-${client}`

/** What a tracking client sends. */
async function track(event) {
  const response = await fetch(`${url}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${key}:`)}` },
    body: JSON.stringify({ batch: [{ userId: value, ...event }] }),
  })
  if (response.status !== 200) throw new Error(await response.text())
}

const buy = () => track({ type: 'track', event: 'Checkout Started' })
const codes = (errors) => errors.map((error) => error.extensions?.code)

/** Subscribe, cause a change once the present state has come, and end when the change has. */
function seen(subscribe) {
  return new Promise((resolve, reject) => {
    const scores = []
    let stop
    const next = (data) => {
      scores.push(data.profileChanged.buyerIntent.score)
      if (scores.length === 1) buy().catch(reject)
      if (scores.at(-1) > 0) {
        setTimeout(() => stop(), 0)
        resolve(scores)
      }
    }
    stop = subscribe(next, reject)
  })
}

const clients = {
  async urql() {
    const { Client, fetchExchange } = await import('@urql/core')
    const make = (bearer) =>
      new Client({
        url: endpoint,
        preferGetMethod: false,
        exchanges: [fetchExchange],
        fetchSubscriptions: true,
        fetchOptions: { headers: { authorization: bearer } },
      })
    const urql = make(authorization)
    const found = await urql.query(QUERY, { value }).toPromise()
    const id = found.data.profile.id
    const renamed = await urql.mutation(MUTATION, { id }).toPromise()
    const wrong = await urql.query(WRONG, { value }).toPromise()
    const hidden = await make(`Bearer ${limited}`).query('{ refusedEvents { totalCount } }', {}).toPromise()
    const scores = await seen((next, fail) => {
      const { unsubscribe } = urql
        .subscription(SUBSCRIPTION, { id })
        .subscribe((result) => (result.error ? fail(result.error) : next(result.data)))
      return unsubscribe
    })
    return {
      renamed: renamed.data.profileUpdate.profile.displayName,
      wrong: codes(wrong.error.graphQLErrors),
      hidden: codes(hidden.error.graphQLErrors),
      scores,
    }
  },

  async apollo() {
    const { ApolloClient, HttpLink, InMemoryCache, gql } = await import('@apollo/client')
    const make = (bearer) =>
      new ApolloClient({
        link: new HttpLink({ uri: endpoint, headers: { authorization: bearer } }),
        cache: new InMemoryCache(),
        defaultOptions: { query: { errorPolicy: 'all' }, mutate: { errorPolicy: 'all' } },
      })
    const apollo = make(authorization)
    const found = await apollo.query({ query: gql(QUERY), variables: { value } })
    const id = found.data.profile.id
    const renamed = await apollo.mutate({ mutation: gql(MUTATION), variables: { id } })
    const wrong = await apollo.query({ query: gql(WRONG), variables: { value } })
    const hidden = await make(`Bearer ${limited}`).query({ query: gql('{ refusedEvents { totalCount } }') })
    const scores = await seen((next, fail) => {
      const subscription = apollo
        .subscribe({ query: gql(SUBSCRIPTION), variables: { id } })
        .subscribe({ next: (result) => (result.error ? fail(result.error) : next(result.data)), error: fail })
      return () => subscription.unsubscribe()
    })
    return {
      renamed: renamed.data.profileUpdate.profile.displayName,
      wrong: codes(wrong.error.errors),
      hidden: codes(hidden.error.errors),
      scores,
    }
  },

  async 'graphql-ws'() {
    const { createClient } = await import('graphql-ws')
    const make = (bearer) =>
      createClient({ url: endpoint.replace('http', 'ws'), connectionParams: { authorization: bearer } })
    const ws = make(authorization)
    const once = (from, query, variables) =>
      new Promise((resolve) => {
        let answer
        from.subscribe(
          { query, variables },
          { next: (result) => (answer = result), error: (errors) => resolve({ errors }), complete: () => resolve(answer) }
        )
      })
    const id = (await once(ws, QUERY, { value })).data.profile.id
    const renamed = await once(ws, MUTATION, { id })
    const wrong = await once(ws, WRONG, { value })
    const other = make(`Bearer ${limited}`)
    const hidden = await once(other, '{ refusedEvents { totalCount } }')
    const refused = await new Promise((resolve) =>
      make('Bearer cdp_sec_' + '0'.repeat(43)).subscribe(
        { query: QUERY, variables: { value } },
        { next: resolve, error: (event) => resolve(event.code), complete: () => resolve('complete') }
      )
    )
    const scores = await seen((next, fail) =>
      ws.subscribe({ query: SUBSCRIPTION, variables: { id } }, { next: (result) => next(result.data), error: fail, complete() {} })
    )
    await Promise.all([ws.dispose(), other.dispose()])
    return {
      renamed: renamed.data.profileUpdate.profile.displayName,
      wrong: codes(wrong.errors),
      hidden: codes(hidden.errors),
      refused,
      scores,
    }
  },

  async 'graphql-sse'() {
    const { createClient } = await import('graphql-sse')
    const make = (bearer) => createClient({ url: endpoint, headers: { authorization: bearer }, retryAttempts: 0 })
    const sse = make(authorization)
    const once = (from, query, variables) =>
      new Promise((resolve, reject) => {
        let answer
        from.subscribe({ query, variables }, { next: (result) => (answer = result), error: reject, complete: () => resolve(answer) })
      })
    const id = (await once(sse, QUERY, { value })).data.profile.id
    const renamed = await once(sse, MUTATION, { id })
    const wrong = await once(sse, WRONG, { value })
    const hidden = await once(make(`Bearer ${limited}`), '{ refusedEvents { totalCount } }')
    const refused = await once(make('Bearer nonsense'), QUERY, { value }).catch((error) => error.response.status)
    const scores = await seen((next, fail) =>
      sse.subscribe({ query: SUBSCRIPTION, variables: { id } }, { next: (result) => next(result.data), error: fail, complete() {} })
    )
    sse.dispose()
    return {
      renamed: renamed.data.profileUpdate.profile.displayName,
      wrong: codes(wrong.errors),
      hidden: codes(hidden.errors),
      refused,
      scores,
    }
  },
}

// Apollo Client cancels the body of a response that it has aborted itself, and lets go of the promise.
process.on('unhandledRejection', (error) => {
  if (error.name !== 'AbortError') throw error
})
await track({ type: 'identify', traits: { name: 'Ann' } })
const saw = await clients[client]()
console.log(JSON.stringify(saw))
await pause(0)
process.exit(0)
