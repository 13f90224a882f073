"""Who is who: the identity graph of identifiers and the links between them.

    kinds      which identifiers there are, how they are written, what is junk
    graph      pure decisions: which links hold, who merges with whom, how a profile falls apart
    store      `resolve`: the events of one flush find or make their nodes and profiles
    merge      a person joins two profiles
    split      a person takes identifiers out of a profile, exactly
    explain    why two identifiers are, or are not, one person
"""
