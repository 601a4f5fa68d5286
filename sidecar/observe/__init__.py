"""Hooks that listen to events: the log. Nothing but the assembly imports them."""
