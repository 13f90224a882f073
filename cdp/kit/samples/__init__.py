"""What `cdp plugins new` begins a plugin with: one module per theme, and its test; each is working code."""
