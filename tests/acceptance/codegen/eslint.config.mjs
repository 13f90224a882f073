// graphql-eslint over schema.graphql, by its own recommendations for schemas and for Relay.
import graphql from "@graphql-eslint/eslint-plugin";

const schema = "generated/schema.graphql";

export default [
  {
    files: [schema],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      // Panels, amounts of money, pages and payloads are values: they have no identity, and so no id.
      "@graphql-eslint/strict-id-in-types": "off",
      // Connections have `nodes`, and values come in plain lists.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
      // Lists inside of objects are read forward.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
    },
  },
];
