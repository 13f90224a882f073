// What relay-compiler reads; at run time its output is imported from ../generated/relay.
import { graphql } from "relay-runtime";

graphql`
  query relayHotPeopleQuery($count: Int!, $cursor: String) {
    ...relay_people @arguments(count: $count, cursor: $cursor)
  }
`;

graphql`
  fragment relay_people on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "relayMorePeopleQuery") {
    profiles(
      first: $count
      after: $cursor
      where: { identifiers: { some: { kind: { eq: "user_id" } } } }
      orderBy: [{ field: DISPLAY_NAME, direction: ASC }]
    ) @connection(key: "relay_profiles") {
      edges {
        node {
          ...relay_person
        }
      }
      pageInfo {
        endCursor
      }
    }
  }
`;

graphql`
  fragment relay_person on Profile @refetchable(queryName: "relayPersonQuery") {
    id
    displayName
    buyerIntent {
      level
      score
    }
    memberships(first: 5) {
      edges {
        node {
          account {
            name
          }
        }
      }
    }
  }
`;

graphql`
  mutation relayRenameMutation($input: ProfileUpdateInput!) {
    profileUpdate(input: $input) {
      profile {
        ...relay_person
      }
      userErrors {
        code
        message
      }
    }
  }
`;
