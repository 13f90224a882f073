"""What plugin authors work with: a core to test on, the conformance check, new packages, reloading."""
