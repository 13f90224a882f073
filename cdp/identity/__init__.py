"""Who is who: the identity graph of identifiers and the links between them.

- `kinds`: which identifiers there are, how they are written, what is junk
- `graph`, `parting`: pure decisions: which links hold, who merges with whom, how a profile falls apart
- `store`: `resolve`: the events of one flush find or make their nodes and profiles
- `profiles`: from ids and identifiers to today's profiles
- `merge`, `split`: a person joins two profiles, or takes identifiers out of one
- `explain`: why two identifiers are, or are not, one person
"""
