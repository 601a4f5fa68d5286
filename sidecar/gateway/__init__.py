"""One request: may it pass, what is sent for it, is it sent again, and what goes back."""
