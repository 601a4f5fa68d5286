"""One token: how it is got, how long it lives, and what happens when it cannot be had."""
