"""The read path: a GraphQL selection becomes one SQL statement that returns finished JSON.

Fields declare their SQL once (`fields`); `compiler` walks a selection and writes the statement; `plans` keeps it with
what has to be bound to it; `running` binds, asks and answers. Nothing that a client sends ever becomes SQL text.
"""
