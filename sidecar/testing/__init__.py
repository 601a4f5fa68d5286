"""For testing one's own client against FinHub's rules: a pytest plugin with the fixtures `finhub` and `finhub_sidecar`.

Nothing is imported until a test asks for a fixture: pytest loads the plugin in every project that has us installed.
`docs/testing.md` shows how it is used.
"""
