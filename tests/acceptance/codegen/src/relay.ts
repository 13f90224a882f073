// Relay's runtime with what relay-compiler made of relay.graphql.ts: two pages, and a change that the store takes in.
import {
  Environment,
  type FetchFunction,
  Network,
  RecordSource,
  Store,
  commitMutation,
  fetchQuery,
  getSingularSelector,
} from "relay-runtime";
import hotPeople, { type relayHotPeopleQuery } from "../generated/relay/relayHotPeopleQuery.graphql";
import morePeople, { type relayMorePeopleQuery } from "../generated/relay/relayMorePeopleQuery.graphql";
import people, { type relay_people$data, type relay_people$key } from "../generated/relay/relay_people.graphql";
import person, { type relay_person$data, type relay_person$key } from "../generated/relay/relay_person.graphql";
import rename, { type relayRenameMutation } from "../generated/relay/relayRenameMutation.graphql";

const [server, key] = process.argv.slice(2) as [string, string];

const ask: FetchFunction = async (operation, variables) => {
  const response = await fetch(`${server}/graphql`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ query: operation.text, variables }),
  });
  return (await response.json()) as never;
};

const environment = new Environment({ network: Network.create(ask), store: new Store(new RecordSource()) });

function read<Data>(fragment: typeof people | typeof person, of: relay_people$key | relay_person$key): Data {
  const selector = getSingularSelector(fragment, of);
  if (!selector) throw new Error("nothing to read");
  return environment.lookup(selector).data as Data;
}

function peopleOf(page: relay_people$data): relay_person$data[] {
  return page.profiles.edges.map((edge) => read<relay_person$data>(person, edge.node));
}

async function main(): Promise<void> {
  const first = await fetchQuery<relayHotPeopleQuery>(environment, hotPeople, { count: 2 }).toPromise();
  if (!first) throw new Error("no answer");
  const page = read<relay_people$data>(people, first);
  const known = peopleOf(page);
  const cursor = page.profiles.pageInfo.endCursor;
  const second = await fetchQuery<relayMorePeopleQuery>(environment, morePeople, { count: 2, cursor }).toPromise();
  if (!second) throw new Error("no answer");
  const more = peopleOf(read<relay_people$data>(people, second));
  const [one] = known;
  if (!one) throw new Error("nobody");
  await new Promise<void>((done, fail) => {
    commitMutation<relayRenameMutation>(environment, {
      mutation: rename,
      variables: { input: { profile: one.id, traits: { name: "Ada by Relay" } } },
      onCompleted: () => done(),
      onError: fail,
    });
  });
  const [renamed] = peopleOf(read<relay_people$data>(people, first));
  console.log(
    JSON.stringify({
      first: known.map((each) => each.displayName),
      more: more.map((each) => each.displayName),
      renamed: renamed?.displayName,
    }),
  );
}

void main();
