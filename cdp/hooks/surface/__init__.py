"""The hooks, one module for each theme; `cdp.hooks.specs.Hooks` is all of them."""
