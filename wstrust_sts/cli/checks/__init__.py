"""What `wstrust-sts check` looks at: one module for each thing, each a function that yields findings."""
