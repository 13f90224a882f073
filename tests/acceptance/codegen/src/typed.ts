// The client preset of @graphql-codegen: `graphql()` knows the types of what it is given.
import { graphql, useFragment } from "../generated/typed";
import type { TypedDocumentString } from "../generated/typed/graphql";

const [server, key] = process.argv.slice(2) as [string, string];

async function execute<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const response = await fetch(`${server}/graphql`, {
    method: "POST",
    headers: {
      Accept: "application/graphql-response+json",
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({ query: document.toString(), variables }),
  });
  const { data, errors } = (await response.json()) as { data: Result; errors?: { message: string }[] };
  if (errors) throw new Error(errors.map((error) => error.message).join("; "));
  return data;
}

const Person = graphql(`
  fragment TypedPerson on Profile {
    id
    displayName
    traits
    buyerIntent {
      level
      asOf
    }
  }
`);

const Find = graphql(`
  query TypedFind($identifier: IdentifierInput!) {
    profile(identifier: $identifier) {
      ...TypedPerson
    }
  }
`);

const Rename = graphql(`
  mutation TypedRename($input: ProfileUpdateInput!) {
    profileUpdate(input: $input) {
      profile {
        ...TypedPerson
      }
      userErrors {
        code
        message
      }
    }
  }
`);

async function main(): Promise<void> {
  const found = await execute(Find, { identifier: { kind: "user_id", value: "ada" } });
  const before = useFragment(Person, found.profile);
  if (!before) throw new Error("nobody");
  const level: "COLD" | "HOT" | "WARM" | undefined = before.buyerIntent?.level;
  const { profileUpdate } = await execute(Rename, {
    input: { profile: before.id, traits: { name: "Ada by codegen" } },
  });
  const after = useFragment(Person, profileUpdate.profile);
  console.log(JSON.stringify({ before: before.displayName, level, after: after?.displayName, errors: profileUpdate.userErrors }));
}

void main();
